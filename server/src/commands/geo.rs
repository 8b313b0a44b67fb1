//! Places in sorted sets: GEOADD and what is asked of single places. Searching has a file of its own.

use crate::commands::zset::{Conditions, put};
use crate::data::geohash::Place;
use crate::data::zset::Zset;
use crate::engine::Data;
use crate::registry::command::{
    Arg, ArgKind, Categories, Command, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::args::Args;
use crate::resp::error::Error;
use crate::resp::reply::Reply;
use crate::text::doubles;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("geoadd", "3.2.0", Group::Geo, -5, Run::Data(geoadd))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(Categories::GEO)
        .keys(&[Keys::one(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
        .args(&[
            Arg::key("key", 0),
            Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
                .since("6.2.0")
                .optional(),
            Arg::word("change", "CH").since("6.2.0").optional(),
            Arg::block(
                "data",
                &[
                    Arg::new("longitude", ArgKind::Double),
                    Arg::new("latitude", ArgKind::Double),
                    Arg::new("member", ArgKind::String),
                ],
            )
            .multiple(),
        ])
        .summary(
            "Adds one or more members to a geospatial index. The key is \
             created if it doesn't exist.",
        )
        .complexity(
            "O(log(N)) for each item added, where N is the number of \
             elements in the sorted set.",
        )
        .history(&[("6.2.0", "Added the `CH`, `NX` and `XX` options.")]),
    Command::new("geodist", "3.2.0", Group::Geo, -4, Run::Data(geodist))
        .flags(Flags::READONLY)
        .categories(Categories::GEO)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("member1", ArgKind::String),
            Arg::new("member2", ArgKind::String),
            Arg::one_of(
                "unit",
                &[
                    Arg::word("m", "M"),
                    Arg::word("km", "KM"),
                    Arg::word("ft", "FT"),
                    Arg::word("mi", "MI"),
                ],
            )
            .optional(),
        ])
        .summary(
            "Returns the distance between two members of a geospatial \
             index.",
        )
        .complexity("O(1)"),
    Command::new("geohash", "3.2.0", Group::Geo, -2, Run::Data(geohash))
        .flags(Flags::READONLY)
        .categories(Categories::GEO)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("member", ArgKind::String).optional().multiple(),
        ])
        .summary("Returns members from a geospatial index as geohash strings.")
        .complexity("O(1) for each member requested."),
    Command::new("geopos", "3.2.0", Group::Geo, -2, Run::Data(geopos))
        .flags(Flags::READONLY)
        .categories(Categories::GEO)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::new("member", ArgKind::String).optional().multiple(),
        ])
        .summary(
            "Returns the longitude and latitude of members from a \
             geospatial index.",
        )
        .complexity("O(1) for each member requested."),
];

/// A longitude, and a latitude behind it.
///
/// # Errors
/// `value is not a valid float`, or `invalid longitude,latitude pair …`
pub(super) fn place(args: Args<'_>, index: usize) -> Result<Place, Error> {
    let degrees = |index| doubles::parse_double(args.at(index)).ok_or(Error::NOT_FLOAT);
    let place = Place {
        longitude: degrees(index)?,
        latitude: degrees(index + 1)?,
    };
    if place.is_on_map() {
        return Ok(place);
    }
    let Place {
        longitude,
        latitude,
    } = place;
    Err(Error::new(format!(
        "ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"
    )))
}

/// Metres in a unit.
///
/// # Errors
/// `unsupported unit provided. please use M, KM, FT, MI`
pub(super) fn unit_m(args: Args<'_>, index: usize) -> Result<f64, Error> {
    const UNITS: [(&str, f64); 4] = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
    let found = UNITS.iter().find(|(name, _)| args.is(index, name));
    found.map(|&(_, metres)| metres).ok_or(Error::fixed(
        "ERR unsupported unit provided. please use M, KM, FT, MI",
    ))
}

/// Answers a distance: four digits behind the point, in either protocol.
pub(super) fn write_distance(reply: &mut Reply<'_>, distance: f64) {
    let mut text = Vec::new();
    doubles::write_fixed_point(&mut text, distance, 4);
    reply.bulk(&text);
}

/// Answers a longitude and a latitude.
pub(super) fn write_place(reply: &mut Reply<'_>, place: &Place) {
    reply.array(2);
    reply.double(place.longitude);
    reply.double(place.latitude);
}

fn geoadd(d: &mut Data<'_>) -> Outcome {
    let mut conditions = Conditions::default();
    let mut first = 2;
    loop {
        if d.args.is(first, "NX") {
            conditions.only_new = true;
        } else if d.args.is(first, "XX") {
            conditions.only_known = true;
        } else if d.args.is(first, "CH") {
            conditions.count_changes = true;
        } else {
            break;
        }
        first += 1;
    }
    let words = d.args.len() - first;
    let contradicts = conditions.only_new && conditions.only_known;
    if words == 0 || !words.is_multiple_of(3) || contradicts {
        return Err(Error::SYNTAX);
    }
    let pairs: Vec<(f64, &[u8])> = (first..d.args.len())
        .step_by(3)
        .map(|index| Ok((place(d.args, index)?.score(), d.args.at(index + 2))))
        .collect::<Result<_, Error>>()?;
    put(d, &conditions, &pairs)
}

fn geodist(d: &mut Data<'_>) -> Outcome {
    let unit_m = match d.args.len() {
        4 => 1.0,
        5 => unit_m(d.args, 4)?,
        _ => return Err(Error::SYNTAX),
    };
    let set = d.keys.collection::<Zset>(d.args.at(1))?;
    let place = |index| Some(Place::from_score(set?.score(d.args.at(index))?));
    match (place(2), place(3)) {
        (Some(from), Some(to)) => {
            write_distance(&mut d.reply, from.distance_m(&to) / unit_m);
        }
        _ => d.reply.null(),
    }
    Ok(())
}

fn geohash(d: &mut Data<'_>) -> Outcome {
    let set = d.keys.collection::<Zset>(d.args.at(1))?;
    d.reply.array(d.args.len() - 2);
    for member in d.args.rest(2) {
        match set.and_then(|set| set.score(member)) {
            Some(score) => d.reply.bulk(&Place::from_score(score).geohash()),
            None => d.reply.null(),
        }
    }
    Ok(())
}

fn geopos(d: &mut Data<'_>) -> Outcome {
    let set = d.keys.collection::<Zset>(d.args.at(1))?;
    d.reply.array(d.args.len() - 2);
    for member in d.args.rest(2) {
        match set.and_then(|set| set.score(member)) {
            Some(score) => write_place(&mut d.reply, &Place::from_score(score)),
            None => d.reply.null_array(),
        }
    }
    Ok(())
}
