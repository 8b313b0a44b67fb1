//! Searching for places around another: GEOSEARCH, and GEORADIUS and its kin, which it has come to replace.

use crate::commands::arguments;
use crate::commands::geo::{place, unit_m, write_distance, write_place};
use crate::commands::zset::{limits, write_member};
use crate::data::geohash::{Place, Shape};
use crate::data::listpack::Item;
use crate::data::zset::{Gathering, Span, Zset};
use crate::engine::Data;
use crate::keyspace::changes::Class;
use crate::keyspace::db::Deadline;
use crate::keyspace::value::{Collection, New};
use crate::registry::command::{
    Arg, ArgKind, Begin, Categories, Command, Find, Flags, Group, KeyFlags, Keys, Outcome, Run,
};
use crate::resp::args::Args;
use crate::resp::error::Error;
use crate::text::doubles;

/// The commands of this family.
pub(crate) const COMMANDS: &[Command] = &[
    Command::new("georadius", "3.2.0", Group::Geo, -6, Run::Data(georadius))
        .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::MOVABLEKEYS))
        .categories(Categories::GEO)
        .keys(&[
            Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS)),
            Keys {
                begin: Begin::Keyword("STORE", 6),
                find: Find::Range {
                    last: 0,
                    step: 1,
                    limit: 0,
                },
                flags: KeyFlags::OW.union(KeyFlags::UPDATE),
                notes: None,
            },
            Keys {
                begin: Begin::Keyword("STOREDIST", 6),
                find: Find::Range {
                    last: 0,
                    step: 1,
                    limit: 0,
                },
                flags: KeyFlags::OW.union(KeyFlags::UPDATE),
                notes: None,
            },
        ])
        .args(&[
            Arg::key("key", 0),
            Arg::new("longitude", ArgKind::Double),
            Arg::new("latitude", ArgKind::Double),
            Arg::new("radius", ArgKind::Double),
            Arg::one_of(
                "unit",
                &[
                    Arg::word("m", "M"),
                    Arg::word("km", "KM"),
                    Arg::word("ft", "FT"),
                    Arg::word("mi", "MI"),
                ],
            ),
            Arg::word("withcoord", "WITHCOORD").optional(),
            Arg::word("withdist", "WITHDIST").optional(),
            Arg::word("withhash", "WITHHASH").optional(),
            Arg::block(
                "count-block",
                &[
                    Arg::new("count", ArgKind::Integer).token("COUNT"),
                    Arg::word("any", "ANY").since("6.2.0").optional(),
                ],
            )
            .optional(),
            Arg::one_of(
                "order",
                &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")],
            )
            .optional(),
            Arg::one_of(
                "store",
                &[
                    Arg::key("storekey", 1).display("key").token("STORE"),
                    Arg::key("storedistkey", 2)
                        .display("key")
                        .token("STOREDIST"),
                ],
            )
            .optional(),
        ])
        .summary(
            "Queries a geospatial index for members within a distance from \
             a coordinate, optionally stores the result.",
        )
        .complexity(
            "O(N+log(M)) where N is the number of elements inside the \
             bounding box of the circular area delimited by center and \
             radius and M is the number of items inside the index.",
        )
        .history(&[
            ("6.2.0", "Added the `ANY` option for `COUNT`."),
            ("7.0.0", "Added support for uppercase unit names."),
        ])
        .deprecated(
            "6.2.0",
            "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
        ),
    Command::new(
        "georadius_ro",
        "3.2.10",
        Group::Geo,
        -6,
        Run::Data(georadius_ro),
    )
    .flags(Flags::READONLY)
    .categories(Categories::GEO)
    .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .args(&[
        Arg::key("key", 0),
        Arg::new("longitude", ArgKind::Double),
        Arg::new("latitude", ArgKind::Double),
        Arg::new("radius", ArgKind::Double),
        Arg::one_of(
            "unit",
            &[
                Arg::word("m", "M"),
                Arg::word("km", "KM"),
                Arg::word("ft", "FT"),
                Arg::word("mi", "MI"),
            ],
        ),
        Arg::word("withcoord", "WITHCOORD").optional(),
        Arg::word("withdist", "WITHDIST").optional(),
        Arg::word("withhash", "WITHHASH").optional(),
        Arg::block(
            "count-block",
            &[
                Arg::new("count", ArgKind::Integer).token("COUNT"),
                Arg::word("any", "ANY").since("6.2.0").optional(),
            ],
        )
        .optional(),
        Arg::one_of(
            "order",
            &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")],
        )
        .optional(),
    ])
    .summary(
        "Returns members from a geospatial index that are within a \
         distance from a coordinate.",
    )
    .complexity(
        "O(N+log(M)) where N is the number of elements inside the \
         bounding box of the circular area delimited by center and \
         radius and M is the number of items inside the index.",
    )
    .history(&[
        ("6.2.0", "Added the `ANY` option for `COUNT`."),
        ("7.0.0", "Added support for uppercase unit names."),
    ])
    .deprecated("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument"),
    Command::new(
        "georadiusbymember",
        "3.2.0",
        Group::Geo,
        -5,
        Run::Data(georadiusbymember),
    )
    .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::MOVABLEKEYS))
    .categories(Categories::GEO)
    .keys(&[
        Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS)),
        Keys {
            begin: Begin::Keyword("STORE", 5),
            find: Find::Range {
                last: 0,
                step: 1,
                limit: 0,
            },
            flags: KeyFlags::OW.union(KeyFlags::UPDATE),
            notes: None,
        },
        Keys {
            begin: Begin::Keyword("STOREDIST", 5),
            find: Find::Range {
                last: 0,
                step: 1,
                limit: 0,
            },
            flags: KeyFlags::OW.union(KeyFlags::UPDATE),
            notes: None,
        },
    ])
    .args(&[
        Arg::key("key", 0),
        Arg::new("member", ArgKind::String),
        Arg::new("radius", ArgKind::Double),
        Arg::one_of(
            "unit",
            &[
                Arg::word("m", "M"),
                Arg::word("km", "KM"),
                Arg::word("ft", "FT"),
                Arg::word("mi", "MI"),
            ],
        ),
        Arg::word("withcoord", "WITHCOORD").optional(),
        Arg::word("withdist", "WITHDIST").optional(),
        Arg::word("withhash", "WITHHASH").optional(),
        Arg::block(
            "count-block",
            &[
                Arg::new("count", ArgKind::Integer).token("COUNT"),
                Arg::word("any", "ANY").optional(),
            ],
        )
        .optional(),
        Arg::one_of(
            "order",
            &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")],
        )
        .optional(),
        Arg::one_of(
            "store",
            &[
                Arg::key("storekey", 1).display("key").token("STORE"),
                Arg::key("storedistkey", 2)
                    .display("key")
                    .token("STOREDIST"),
            ],
        )
        .optional(),
    ])
    .summary(
        "Queries a geospatial index for members within a distance from \
         a member, optionally stores the result.",
    )
    .complexity(
        "O(N+log(M)) where N is the number of elements inside the \
         bounding box of the circular area delimited by center and \
         radius and M is the number of items inside the index.",
    )
    .history(&[
        ("6.2.0", "Added the `ANY` option for `COUNT`."),
        ("7.0.0", "Added support for uppercase unit names."),
    ])
    .deprecated(
        "6.2.0",
        "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and \
         `FROMMEMBER` arguments",
    ),
    Command::new(
        "georadiusbymember_ro",
        "3.2.10",
        Group::Geo,
        -5,
        Run::Data(georadiusbymember_ro),
    )
    .flags(Flags::READONLY)
    .categories(Categories::GEO)
    .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
    .args(&[
        Arg::key("key", 0),
        Arg::new("member", ArgKind::String),
        Arg::new("radius", ArgKind::Double),
        Arg::one_of(
            "unit",
            &[
                Arg::word("m", "M"),
                Arg::word("km", "KM"),
                Arg::word("ft", "FT"),
                Arg::word("mi", "MI"),
            ],
        ),
        Arg::word("withcoord", "WITHCOORD").optional(),
        Arg::word("withdist", "WITHDIST").optional(),
        Arg::word("withhash", "WITHHASH").optional(),
        Arg::block(
            "count-block",
            &[
                Arg::new("count", ArgKind::Integer).token("COUNT"),
                Arg::word("any", "ANY").optional(),
            ],
        )
        .optional(),
        Arg::one_of(
            "order",
            &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")],
        )
        .optional(),
    ])
    .summary(
        "Returns members from a geospatial index that are within a \
         distance from a member.",
    )
    .complexity(
        "O(N+log(M)) where N is the number of elements inside the \
         bounding box of the circular area delimited by center and \
         radius and M is the number of items inside the index.",
    )
    .history(&[
        ("6.2.0", "Added the `ANY` option for `COUNT`."),
        ("7.0.0", "Added support for uppercase unit names."),
    ])
    .deprecated(
        "6.2.0",
        "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
    ),
    Command::new("geosearch", "6.2.0", Group::Geo, -7, Run::Data(geosearch))
        .flags(Flags::READONLY)
        .categories(Categories::GEO)
        .keys(&[Keys::one(1, KeyFlags::RO.union(KeyFlags::ACCESS))])
        .args(&[
            Arg::key("key", 0),
            Arg::one_of(
                "from",
                &[
                    Arg::new("member", ArgKind::String).token("FROMMEMBER"),
                    Arg::block(
                        "fromlonlat",
                        &[
                            Arg::new("longitude", ArgKind::Double),
                            Arg::new("latitude", ArgKind::Double),
                        ],
                    )
                    .token("FROMLONLAT"),
                ],
            ),
            Arg::one_of(
                "by",
                &[
                    Arg::block(
                        "circle",
                        &[
                            Arg::new("radius", ArgKind::Double).token("BYRADIUS"),
                            Arg::one_of(
                                "unit",
                                &[
                                    Arg::word("m", "M"),
                                    Arg::word("km", "KM"),
                                    Arg::word("ft", "FT"),
                                    Arg::word("mi", "MI"),
                                ],
                            ),
                        ],
                    ),
                    Arg::block(
                        "box",
                        &[
                            Arg::new("width", ArgKind::Double).token("BYBOX"),
                            Arg::new("height", ArgKind::Double),
                            Arg::one_of(
                                "unit",
                                &[
                                    Arg::word("m", "M"),
                                    Arg::word("km", "KM"),
                                    Arg::word("ft", "FT"),
                                    Arg::word("mi", "MI"),
                                ],
                            ),
                        ],
                    ),
                ],
            ),
            Arg::one_of(
                "order",
                &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")],
            )
            .optional(),
            Arg::block(
                "count-block",
                &[
                    Arg::new("count", ArgKind::Integer).token("COUNT"),
                    Arg::word("any", "ANY").optional(),
                ],
            )
            .optional(),
            Arg::word("withcoord", "WITHCOORD").optional(),
            Arg::word("withdist", "WITHDIST").optional(),
            Arg::word("withhash", "WITHHASH").optional(),
        ])
        .summary(
            "Queries a geospatial index for members inside an area of a box \
             or a circle.",
        )
        .complexity(
            "O(N+log(M)) where N is the number of elements in the \
             grid-aligned bounding box area around the shape provided as \
             the filter and M is the number of items inside the shape",
        )
        .history(&[("7.0.0", "Added support for uppercase unit names.")]),
    Command::new(
        "geosearchstore",
        "6.2.0",
        Group::Geo,
        -8,
        Run::Data(geosearchstore),
    )
    .flags(Flags::WRITE.union(Flags::DENYOOM))
    .categories(Categories::GEO)
    .keys(&[
        Keys::one(1, KeyFlags::OW.union(KeyFlags::UPDATE)),
        Keys::one(2, KeyFlags::RO.union(KeyFlags::ACCESS)),
    ])
    .args(&[
        Arg::key("destination", 0),
        Arg::key("source", 1),
        Arg::one_of(
            "from",
            &[
                Arg::new("member", ArgKind::String).token("FROMMEMBER"),
                Arg::block(
                    "fromlonlat",
                    &[
                        Arg::new("longitude", ArgKind::Double),
                        Arg::new("latitude", ArgKind::Double),
                    ],
                )
                .token("FROMLONLAT"),
            ],
        ),
        Arg::one_of(
            "by",
            &[
                Arg::block(
                    "circle",
                    &[
                        Arg::new("radius", ArgKind::Double).token("BYRADIUS"),
                        Arg::one_of(
                            "unit",
                            &[
                                Arg::word("m", "M"),
                                Arg::word("km", "KM"),
                                Arg::word("ft", "FT"),
                                Arg::word("mi", "MI"),
                            ],
                        ),
                    ],
                ),
                Arg::block(
                    "box",
                    &[
                        Arg::new("width", ArgKind::Double).token("BYBOX"),
                        Arg::new("height", ArgKind::Double),
                        Arg::one_of(
                            "unit",
                            &[
                                Arg::word("m", "M"),
                                Arg::word("km", "KM"),
                                Arg::word("ft", "FT"),
                                Arg::word("mi", "MI"),
                            ],
                        ),
                    ],
                ),
            ],
        ),
        Arg::one_of(
            "order",
            &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")],
        )
        .optional(),
        Arg::block(
            "count-block",
            &[
                Arg::new("count", ArgKind::Integer).token("COUNT"),
                Arg::word("any", "ANY").optional(),
            ],
        )
        .optional(),
        Arg::word("storedist", "STOREDIST").optional(),
    ])
    .summary(
        "Queries a geospatial index for members inside an area of a box \
         or a circle, optionally stores the result.",
    )
    .complexity(
        "O(N+log(M)) where N is the number of elements in the \
         grid-aligned bounding box area around the shape provided as \
         the filter and M is the number of items inside the shape",
    )
    .history(&[("7.0.0", "Added support for uppercase unit names.")]),
];

/// What a command of this family says of itself by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// GEORADIUS: the centre and the radius stand behind the key.
    Radius {
        may_store: bool,
    },
    /// GEORADIUSBYMEMBER: so do a member and the radius.
    RadiusByMember {
        may_store: bool,
    },
    Search,
    SearchStore,
}

impl Form {
    /// Whether centre and shape are options.
    fn is_search(self) -> bool {
        matches!(self, Form::Search | Form::SearchStore)
    }
}

fn georadius(d: &mut Data<'_>) -> Outcome {
    search(d, Form::Radius { may_store: true })
}

fn georadius_ro(d: &mut Data<'_>) -> Outcome {
    search(d, Form::Radius { may_store: false })
}

fn georadiusbymember(d: &mut Data<'_>) -> Outcome {
    search(d, Form::RadiusByMember { may_store: true })
}

fn georadiusbymember_ro(d: &mut Data<'_>) -> Outcome {
    search(d, Form::RadiusByMember { may_store: false })
}

fn geosearch(d: &mut Data<'_>) -> Outcome {
    search(d, Form::Search)
}

fn geosearchstore(d: &mut Data<'_>) -> Outcome {
    search(d, Form::SearchStore)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Ascending,
    Descending,
}

/// Where the centre is.
#[derive(Clone, Copy, Debug)]
enum Centre {
    At(Place),
    /// At a member of a set that does not exist: nothing will be found, but what follows is still read.
    Nowhere,
}

/// What is searched, and what becomes of it.
#[derive(Debug, Default)]
struct Request<'a> {
    centre: Option<Centre>,
    shape: Option<Shape>,
    /// Metres in the unit of distances.
    unit_m: f64,
    with_distance: bool,
    with_score: bool,
    with_place: bool,
    order: Option<Order>,
    count: Option<usize>,
    /// Any will do, not only the nearest.
    any: bool,
    store: Option<&'a [u8]>,
    store_distances: bool,
}

/// A number that is not negative and a unit behind it, in metres; and the unit.
///
/// # Errors
/// `need numeric radius`, `radius cannot be negative`, or what is wrong with the unit.
fn radius(args: Args<'_>, index: usize) -> Result<(Shape, f64), Error> {
    let radius = doubles::parse_double(args.at(index));
    let radius = radius.ok_or(Error::fixed("ERR need numeric radius"))?;
    if radius < 0.0 {
        return Err(Error::fixed("ERR radius cannot be negative"));
    }
    let unit_m = unit_m(args, index + 1)?;
    let radius_m = radius * unit_m;
    Ok((Shape::Circle { radius_m }, unit_m))
}

/// A width, a height and a unit.
///
/// # Errors
/// `need numeric width`, `need numeric height`, `height or width cannot be negative`, or what is wrong with the unit.
fn sides(args: Args<'_>, index: usize) -> Result<(Shape, f64), Error> {
    let width = doubles::parse_double(args.at(index));
    let width = width.ok_or(Error::fixed("ERR need numeric width"))?;
    let height = doubles::parse_double(args.at(index + 1));
    let height = height.ok_or(Error::fixed("ERR need numeric height"))?;
    if width < 0.0 || height < 0.0 {
        return Err(Error::fixed("ERR height or width cannot be negative"));
    }
    let unit_m = unit_m(args, index + 2)?;
    let (width_m, height_m) = (width * unit_m, height * unit_m);
    Ok((Shape::Box { width_m, height_m }, unit_m))
}

/// Where a member is.
///
/// # Errors
/// `could not decode requested zset member`
fn place_of(set: Option<&Zset>, member: &[u8]) -> Result<Centre, Error> {
    let Some(set) = set else {
        return Ok(Centre::Nowhere);
    };
    let score = set
        .score(member)
        .ok_or(Error::fixed("ERR could not decode requested zset member"))?;
    Ok(Centre::At(Place::from_score(score)))
}

impl<'a> Request<'a> {
    /// Reads everything behind the key of the set, in which the centre may be a member.
    ///
    /// # Errors
    /// What is wrong first.
    fn from_args(args: Args<'a>, form: Form, set: Option<&Zset>) -> Result<Request<'a>, Error> {
        let mut request = Request::default();
        let options_at = match form {
            Form::Radius { .. } => {
                request.centre = Some(Centre::At(place(args, 2)?));
                request.set_shape(radius(args, 4)?);
                6
            }
            Form::RadiusByMember { .. } => {
                request.centre = Some(place_of(set, args.at(2))?);
                if set.is_some() {
                    request.set_shape(radius(args, 3)?);
                }
                5
            }
            Form::Search => 2,
            Form::SearchStore => {
                request.store = Some(args.at(1));
                3
            }
        };
        request.read_options(args, form, set, options_at)?;
        request.check(args, form)?;
        Ok(request)
    }

    fn set_shape(&mut self, (shape, unit_m): (Shape, f64)) {
        self.shape = Some(shape);
        self.unit_m = unit_m;
    }

    fn read_options(
        &mut self,
        args: Args<'a>,
        form: Form,
        set: Option<&Zset>,
        first: usize,
    ) -> Result<(), Error> {
        let may_store = matches!(
            form,
            Form::Radius { may_store: true } | Form::RadiusByMember { may_store: true }
        );
        // A centre of the one kind shuts out the other, as do shapes; of several of a kind the last one counts.
        let (mut by_place, mut by_member) = (false, false);
        let mut index = first;
        while index < args.len() {
            let follow = args.len() - index - 1;
            let is = |word| args.is(index, word);
            if is("WITHDIST") {
                self.with_distance = true;
            } else if is("WITHHASH") {
                self.with_score = true;
            } else if is("WITHCOORD") {
                self.with_place = true;
            } else if is("ANY") {
                self.any = true;
            } else if is("ASC") {
                self.order = Some(Order::Ascending);
            } else if is("DESC") {
                self.order = Some(Order::Descending);
            } else if is("COUNT") && follow >= 1 {
                let count = arguments::integer(args.at(index + 1))?;
                if count <= 0 {
                    return Err(Error::fixed("ERR COUNT must be > 0"));
                }
                self.count = Some(usize::try_from(count).unwrap_or(usize::MAX));
                index += 1;
            } else if may_store && follow >= 1 && (is("STORE") || is("STOREDIST")) {
                self.store = args.get(index + 1);
                self.store_distances = is("STOREDIST");
                index += 1;
            } else if form == Form::SearchStore && is("STOREDIST") {
                self.store_distances = true;
            } else if form.is_search() && is("FROMMEMBER") && follow >= 1 && !by_place {
                self.centre = Some(place_of(set, args.at(index + 1))?);
                by_member = true;
                index += 1;
            } else if form.is_search() && is("FROMLONLAT") && follow >= 2 && !by_member {
                self.centre = Some(Centre::At(place(args, index + 1)?));
                by_place = true;
                index += 2;
            } else if form.is_search()
                && is("BYRADIUS")
                && follow >= 2
                && !matches!(self.shape, Some(Shape::Box { .. }))
            {
                self.set_shape(radius(args, index + 1)?);
                index += 2;
            } else if form.is_search()
                && is("BYBOX")
                && follow >= 3
                && !matches!(self.shape, Some(Shape::Circle { .. }))
            {
                self.set_shape(sides(args, index + 1)?);
                index += 3;
            } else {
                return Err(Error::SYNTAX);
            }
            index += 1;
        }
        Ok(())
    }

    /// # Errors
    /// What contradicts itself, or is missing.
    fn check(&self, args: Args<'_>, form: Form) -> Result<(), Error> {
        if self.store.is_some() && (self.with_distance || self.with_score || self.with_place) {
            let what = if form == Form::SearchStore {
                "GEOSEARCHSTORE"
            } else {
                "STORE option in GEORADIUS"
            };
            return Err(Error::new(format!(
                "ERR {what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            )));
        }
        if form.is_search() && self.centre.is_none() {
            return Err(Error::quoting(
                "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ",
                args.at(0),
                "",
            ));
        }
        if form.is_search() && self.shape.is_none() {
            return Err(Error::quoting(
                "ERR exactly one of BYRADIUS and BYBOX can be specified for ",
                args.at(0),
                "",
            ));
        }
        if self.any && self.count.is_none() {
            return Err(Error::fixed("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }
}

/// A member that was found.
struct Found<'a> {
    member: Item<'a>,
    score: f64,
    place: Place,
    distance_m: f64,
}

/// The members within the shape, in the order in which Redis comes to them; no more than `limit`.
fn find<'a>(set: &'a Zset, centre: &Place, shape: &Shape, limit: usize) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    for (min, max) in shape.scores(centre) {
        let span = Span::Scores {
            min: std::ops::Bound::Included(min),
            max: std::ops::Bound::Excluded(max),
        };
        let Some(rank) = set.edge(&span, false) else {
            continue;
        };
        for (member, score) in set.within(&span, rank, false) {
            if found.len() >= limit {
                return found;
            }
            let place = Place::from_score(score);
            if let Some(distance_m) = shape.distance_m(centre, &place) {
                found.push(Found {
                    member,
                    score,
                    place,
                    distance_m,
                });
            }
        }
    }
    found
}

fn search(d: &mut Data<'_>, form: Form) -> Outcome {
    let key = match form {
        Form::SearchStore => d.args.at(2),
        _ => d.args.at(1),
    };
    let limits = limits(d);
    let set = d.keys.collection::<Zset>(key)?;
    let request = Request::from_args(d.args, form, set)?;
    let count = request.count.unwrap_or(usize::MAX);
    let mut found = match (set, request.centre, &request.shape) {
        (Some(set), Some(Centre::At(centre)), Some(shape)) => {
            let limit = if request.any { count } else { usize::MAX };
            find(set, &centre, shape, limit)
        }
        _ => Vec::new(),
    };
    // So many and no more makes sense of the nearest only, unless any will do.
    let order = match request.order {
        None if request.count.is_some() && !request.any => Some(Order::Ascending),
        order => order,
    };
    match order {
        None => {}
        Some(Order::Ascending) => found.sort_by(|a, b| a.distance_m.total_cmp(&b.distance_m)),
        Some(Order::Descending) => found.sort_by(|a, b| b.distance_m.total_cmp(&a.distance_m)),
    }
    found.truncate(count);

    let Some(store) = request.store else {
        let beside = [
            request.with_distance,
            request.with_score,
            request.with_place,
        ];
        let beside = beside.into_iter().filter(|&wanted| wanted).count();
        d.reply.array(found.len());
        for one in &found {
            if beside > 0 {
                d.reply.array(1 + beside);
            }
            write_member(&mut d.reply, one.member);
            if request.with_distance {
                write_distance(&mut d.reply, one.distance_m / request.unit_m);
            }
            if request.with_score {
                d.reply.int(one.score as i64);
            }
            if request.with_place {
                write_place(&mut d.reply, &one.place);
            }
        }
        return Ok(());
    };
    let mut gathering = Gathering::new(limits.seed);
    for one in &found {
        let score = if request.store_distances {
            one.distance_m / request.unit_m
        } else {
            one.score
        };
        let mut digits = itoa::Buffer::new();
        gathering.add(one.member.bytes(&mut digits), score, |had, _| had);
    }
    let count = found.len();
    if count == 0 {
        d.keys.delete_result(store);
    } else {
        let mut result = gathering.finish();
        result.compact(&limits);
        d.keys
            .set(store, New::Owned(result.into_value()), Deadline::Clear);
        let event = if form.is_search() {
            "geosearchstore"
        } else {
            "georadiusstore"
        };
        d.keys.touch_times(store, Class::ZSET, event, count);
    }
    d.reply.count(count);
    Ok(())
}
