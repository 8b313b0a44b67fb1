//! Guards: for which servers a line of a transcript holds. Knows products and versions, not where they come from.
//!
//! `redis<8|valkey>=9`: `|` is or, `,` is and and binds tighter. A version is compared only as far as the guard
//! spells it: 8.2.3 satisfies `redis=8`, `redis<=8` and `redis>=8`, and not `redis>8`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Who a server says it is, as far as guards care: `redis` and 8.2.3.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The product in lower case: `redis`, `valkey`.
    pub product: String,
    /// Its version.
    pub version: Version,
}

impl Identity {
    /// An identity from its parts.
    pub fn new(product: &str, version: Version) -> Self {
        Identity {
            product: product.to_ascii_lowercase(),
            version,
        }
    }
}

impl fmt::Display for Identity {
    /// As oracles are named: `redis-8.2.3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.product, self.version)
    }
}

impl FromStr for Identity {
    type Err = String;

    /// Reads `redis-8.2.3`.
    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("expected a product and its version, such as redis-8.2.3, found `{text}`");
        let (product, version) = text.rsplit_once('-').ok_or_else(expected)?;
        if !is_product(product) {
            return Err(expected());
        }
        Ok(Identity::new(product, version.parse()?))
    }
}

/// Numbers separated by dots, the most significant first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(Vec<u32>);

impl Version {
    /// A version from its numbers.
    pub fn new(numbers: &[u32]) -> Self {
        Version(numbers.to_vec())
    }

    /// The numbers, the most significant first.
    pub fn numbers(&self) -> &[u32] {
        &self.0
    }

    /// Compares as many numbers as `guard` has; missing ones count as 0.
    fn compare_as_far_as(&self, guard: &Version) -> Ordering {
        let own = self.0.iter().copied().chain(std::iter::repeat(0));
        own.take(guard.0.len()).cmp(guard.0.iter().copied())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, number) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{number}")?;
        }
        Ok(())
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split('.').map(|part| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            if digits { part.parse().ok() } else { None }
        });
        let numbers: Option<Vec<u32>> = numbers.collect();
        numbers
            .map(Version)
            .ok_or_else(|| format!("expected a version such as 7 or 7.0.15, found `{text}`"))
    }
}

/// For which servers something holds: at least one alternative must hold in full.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Guard {
    /// The alternatives between `|`; each is a list of conditions that all must hold. Never empty, nor is any of them.
    pub any_of: Vec<Vec<Condition>>,
}

/// A product, perhaps with a bound on its version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Condition {
    /// The product in lower case.
    pub product: String,
    /// Nothing: every version.
    pub bound: Option<(Comparison, Version)>,
}

/// How a version is compared with the guard's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `=`
    Equal,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
}

impl Comparison {
    /// Longer spellings first, so that the first that fits is the right one.
    const SPELLINGS: [(&'static str, Comparison); 5] = [
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
        ("=", Comparison::Equal),
    ];

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Equal => ordering.is_eq(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
            Comparison::Greater => ordering.is_gt(),
        }
    }
}

impl Guard {
    /// Whether the guarded line is meant for this server.
    pub fn holds(&self, server: &Identity) -> bool {
        self.any_of
            .iter()
            .any(|all| all.iter().all(|condition| condition.holds(server)))
    }
}

impl Condition {
    fn holds(&self, server: &Identity) -> bool {
        self.product == server.product
            && self.bound.as_ref().is_none_or(|(comparison, version)| {
                comparison.holds(server.version.compare_as_far_as(version))
            })
    }
}

impl fmt::Display for Guard {
    /// Without the brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, all) in self.any_of.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "|" })?;
            for (index, condition) in all.iter().enumerate() {
                f.write_str(if index == 0 { "" } else { "," })?;
                write!(f, "{condition}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.product)?;
        let Some((comparison, version)) = &self.bound else {
            return Ok(());
        };
        let spelling = Comparison::SPELLINGS
            .iter()
            .find(|(_, known)| known == comparison);
        let (spelling, _) = spelling.expect("every comparison has a spelling");
        write!(f, "{spelling}{version}")
    }
}

impl FromStr for Guard {
    type Err = GuardError;

    /// Reads what stands between the brackets.
    fn from_str(text: &str) -> Result<Self, GuardError> {
        let mut at = 0;
        let mut any_of = Vec::new();
        for alternative in text.split('|') {
            let mut all = Vec::new();
            for condition in alternative.split(',') {
                all.push(
                    condition
                        .parse()
                        .map_err(|message| GuardError { at, message })?,
                );
                at += condition.len() + 1;
            }
            any_of.push(all);
        }
        Ok(Guard { any_of })
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let end = text.find(['<', '>', '=']).unwrap_or(text.len());
        let (product, bound) = text.split_at(end);
        if !is_product(product) {
            return Err(format!(
                "expected a product such as redis or valkey, found `{product}`"
            ));
        }
        if bound.is_empty() {
            return Ok(Condition {
                product: product.to_owned(),
                bound: None,
            });
        }
        let fitting = Comparison::SPELLINGS
            .iter()
            .find_map(|&(spelling, comparison)| Some((comparison, bound.strip_prefix(spelling)?)));
        let (comparison, version) =
            fitting.expect("the bound begins with one of the characters the spellings begin with");
        Ok(Condition {
            product: product.to_owned(),
            bound: Some((comparison, version.parse()?)),
        })
    }
}

/// Why a guard could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardError {
    /// The byte of the guard's text, counted from 0.
    pub at: usize,
    /// What was expected and found there.
    pub message: String,
}

impl fmt::Display for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for GuardError {}

fn is_product(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_compares_versions_as_far_as_it_spells_them() {
        let cases = [
            ("redis", "redis-6.2.5", true),
            ("redis", "valkey-8.1.8", false),
            ("redis<8", "redis-7.0.15", true),
            ("redis<8", "redis-8.2.3", false),
            ("redis<7.2", "redis-7.0.15", true),
            ("redis<=8", "redis-8.2.3", true),
            ("redis=8.2", "redis-8.2.3", true),
            ("redis>8", "redis-8.2.3", false),
            ("redis>=8.2.3", "redis-8.2", false),
            ("redis>=7,redis<8", "redis-7.0.15", true),
            ("redis>=7,redis<8", "redis-6.2.5", false),
            ("redis<8|valkey>=9", "valkey-9.1.2", true),
            ("redis<8|valkey>=9", "valkey-8.1.8", false),
            ("valkey|redis>=7,redis<8", "valkey-8.1.8", true),
        ];
        for (guard, server, holds) in cases {
            let parsed: Guard = guard.parse().unwrap();
            assert_eq!(parsed.to_string(), guard);
            assert_eq!(
                parsed.holds(&server.parse().unwrap()),
                holds,
                "[{guard}] for {server}"
            );
        }
    }

    #[test]
    fn a_bad_guard_says_where_and_what_was_expected() {
        let cases = [
            ("", 0, "product"),
            ("redis<8||valkey", 8, "product"),
            ("redis<8,redis<x", 8, "version"),
            ("redis<", 0, "version"),
            ("Redis", 0, "product"),
        ];
        for (guard, at, expected) in cases {
            let error = guard.parse::<Guard>().unwrap_err();
            assert_eq!(error.at, at, "{guard}: {error}");
            assert!(error.message.contains(expected), "{guard}: {error}");
        }
    }
}
