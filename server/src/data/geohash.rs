//! Places on earth as numbers of 52 bits, by which a sorted set keeps neighbours together, and the cells that a search has to
//! look through; it knows no set.
//!
//! The globe is cut in half along longitude and latitude in turn: after `step` cuts of each, a cell is a number of `2 * step`
//! bits, those of the longitude between those of the latitude. All constants, and the order of all operations on floating-point
//! numbers, are Redis's: they decide about the last digits.

const LONGITUDE_MAX: f64 = 180.0;
/// Where a square map of the world ends (EPSG:900913).
const LATITUDE_MAX: f64 = 85.051_128_78;

/// Cuts that make a place a number of 52 bits.
const STEP_MAX: u32 = 26;

const EARTH_RADIUS_M: f64 = 6_372_797.560_856;

/// Half the circumference of the earth, as the square map has it.
const MERCATOR_MAX_M: f64 = 20_037_726.37;

/// The bits of a cell that are those of its longitude.
const LONGITUDE_BITS: u64 = 0xaaaa_aaaa_aaaa_aaaa;
const LATITUDE_BITS: u64 = 0x5555_5555_5555_5555;

/// A place, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) longitude: f64,
    pub(crate) latitude: f64,
}

impl Place {
    /// Whether the map shows it.
    pub(crate) fn is_on_map(&self) -> bool {
        self.longitude.abs() <= LONGITUDE_MAX && self.latitude.abs() <= LATITUDE_MAX
    }

    /// The number of 52 bits that stands for a place on the map.
    pub(crate) fn score(&self) -> f64 {
        Cell::around(self, STEP_MAX, LATITUDE_MAX).bits as f64
    }

    /// The place that a number stands for: the middle of its cell. Any number stands for one.
    pub(crate) fn from_score(score: f64) -> Place {
        let cell = Cell {
            bits: to_bits(score),
            step: STEP_MAX,
        };
        let area = cell.area();
        let middle = |(min, max): (f64, f64), limit: f64| ((min + max) / 2.0).clamp(-limit, limit);
        Place {
            longitude: middle(area.longitude, LONGITUDE_MAX),
            latitude: middle(area.latitude, LATITUDE_MAX),
        }
    }

    /// Eleven letters of the geohash that others use (<https://en.wikipedia.org/wiki/Geohash>), which has poles.
    pub(crate) fn geohash(&self) -> [u8; 11] {
        const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        const POLE: f64 = 90.0;
        let bits = Cell::around(self, STEP_MAX, POLE).bits;
        std::array::from_fn(|index| {
            // 52 bits are ten letters and a bit; of the eleventh letter Redis takes none.
            let shift = 47_usize.checked_sub(5 * index);
            LETTERS[shift.map_or(0, |shift| (bits >> shift) as usize & 31)]
        })
    }

    /// The distance on a sphere, in metres.
    pub(crate) fn distance_m(&self, other: &Place) -> f64 {
        let half = (other.longitude.to_radians_redis() - self.longitude.to_radians_redis()) / 2.0;
        let v = half.sin();
        if v == 0.0 {
            return latitude_distance_m(self.latitude, other.latitude);
        }
        let latitude = self.latitude.to_radians_redis();
        let other_latitude = other.latitude.to_radians_redis();
        let u = ((other_latitude - latitude) / 2.0).sin();
        let a = u * u + latitude.cos() * other_latitude.cos() * v * v;
        2.0 * EARTH_RADIUS_M * a.sqrt().asin()
    }
}

fn latitude_distance_m(a: f64, b: f64) -> f64 {
    EARTH_RADIUS_M * (b.to_radians_redis() - a.to_radians_redis()).abs()
}

/// Degrees and radians by the factors that Redis uses; those of the standard library may round otherwise.
trait Angle {
    fn to_radians_redis(self) -> f64;
    fn to_degrees_redis(self) -> f64;
}

const RADIANS_TO_A_DEGREE: f64 = std::f64::consts::PI / 180.0;

impl Angle for f64 {
    fn to_radians_redis(self) -> f64 {
        self * RADIANS_TO_A_DEGREE
    }

    fn to_degrees_redis(self) -> f64 {
        self / RADIANS_TO_A_DEGREE
    }
}

/// The integer in a score, as the processor converts it whose answers Redis takes for what C leaves open.
fn to_bits(score: f64) -> u64 {
    const TWO_TO_63: f64 = (1_u64 << 63) as f64;
    if score < TWO_TO_63 {
        score as i64 as u64
    } else if score < 2.0 * TWO_TO_63 {
        score as u64
    } else {
        0
    }
}

/// What is searched around a place; all lengths in metres.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Circle { radius_m: f64 },
    Box { width_m: f64, height_m: f64 },
}

impl Shape {
    /// The distance of a place from the centre, if it lies within the shape.
    pub(crate) fn distance_m(&self, centre: &Place, place: &Place) -> Option<f64> {
        match *self {
            Shape::Circle { radius_m } => {
                let distance_m = centre.distance_m(place);
                (distance_m <= radius_m).then_some(distance_m)
            }
            Shape::Box { width_m, height_m } => {
                if latitude_distance_m(place.latitude, centre.latitude) > height_m / 2.0 {
                    return None;
                }
                let beside = Place {
                    latitude: place.latitude,
                    ..*centre
                };
                if place.distance_m(&beside) > width_m / 2.0 {
                    return None;
                }
                Some(centre.distance_m(place))
            }
        }
    }

    /// The scores, from the first to before the second, that places within the shape around `centre` can have, in the order
    /// in which Redis looks through them.
    pub(crate) fn scores(&self, centre: &Place) -> Vec<(f64, f64)> {
        let bounds = self.bounds(centre);
        let mut step = self.step(centre.latitude);
        let mut middle = Cell::around(centre, step, LATITUDE_MAX);
        let reaches = |cell: Cell, east: i8, north: i8| {
            let area = cell.moved(east, north).area();
            match (east, north) {
                (0, 1) => area.latitude.1 >= bounds.latitude.1,
                (0, _) => area.latitude.0 <= bounds.latitude.0,
                (1, _) => area.longitude.1 >= bounds.longitude.1,
                _ => area.longitude.0 <= bounds.longitude.0,
            }
        };
        let enough = [(0, 1), (0, -1), (1, 0), (-1, 0)]
            .into_iter()
            .all(|(east, north)| reaches(middle, east, north));
        if step > 1 && !enough {
            step -= 1;
            middle = Cell::around(centre, step, LATITUDE_MAX);
        }
        let area = middle.area();
        let needed = |east: i8, north: i8| {
            step < 2
                || !(north < 0 && area.latitude.0 < bounds.latitude.0
                    || north > 0 && area.latitude.1 > bounds.latitude.1
                    || east < 0 && area.longitude.0 < bounds.longitude.0
                    || east > 0 && area.longitude.1 > bounds.longitude.1)
        };
        const AROUND: [(i8, i8); 9] = [
            (0, 0),
            (0, 1),
            (0, -1),
            (1, 0),
            (-1, 0),
            (1, 1),
            (-1, 1),
            (1, -1),
            (-1, -1),
        ];
        let mut cells: Vec<Cell> = Vec::with_capacity(AROUND.len());
        for (east, north) in AROUND {
            let cell = middle.moved(east, north);
            // Of a very large shape neighbours are the same. Redis compares with the one before, but never with the middle.
            let is_repeated = cells.len() > 1 && cells.last() == Some(&cell);
            if needed(east, north) && !is_repeated {
                cells.push(cell);
            }
        }
        cells.iter().map(Cell::scores).collect()
    }

    /// The box around the shape.
    fn bounds(&self, centre: &Place) -> Area {
        let (width_m, height_m) = match *self {
            Shape::Circle { radius_m } => (radius_m, radius_m),
            Shape::Box { width_m, height_m } => (width_m / 2.0, height_m / 2.0),
        };
        let latitude_delta = (height_m / EARTH_RADIUS_M).to_degrees_redis();
        let longitude_delta = |latitude: f64| {
            (width_m / EARTH_RADIUS_M / latitude.to_radians_redis().cos()).to_degrees_redis()
        };
        // The wider end is the one nearer to a pole.
        let delta = if centre.latitude < 0.0 {
            longitude_delta(centre.latitude - latitude_delta)
        } else {
            longitude_delta(centre.latitude + latitude_delta)
        };
        Area {
            longitude: (centre.longitude - delta, centre.longitude + delta),
            latitude: (
                centre.latitude - latitude_delta,
                centre.latitude + latitude_delta,
            ),
        }
    }

    /// How small cells may be for nine of them to cover the shape, nearly always.
    fn step(&self, latitude: f64) -> u32 {
        let mut range_m = match *self {
            Shape::Circle { radius_m } => radius_m,
            Shape::Box { width_m, height_m } => {
                let (width_m, height_m) = (width_m / 2.0, height_m / 2.0);
                (width_m * width_m + height_m * height_m).sqrt()
            }
        };
        if range_m == 0.0 {
            return STEP_MAX;
        }
        let mut step = -1_i32;
        while range_m < MERCATOR_MAX_M {
            range_m *= 2.0;
            step += 1;
        }
        // Towards the poles cells become narrower.
        if latitude.abs() > 66.0 {
            step -= 1 + i32::from(latitude.abs() > 80.0);
        }
        step.clamp(1, STEP_MAX as i32) as u32
    }
}

/// From where to where, in degrees.
#[derive(Clone, Copy, Debug)]
struct Area {
    longitude: (f64, f64),
    latitude: (f64, f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    bits: u64,
    step: u32,
}

impl Cell {
    /// The cell in which a place lies on a map that ends at this latitude.
    fn around(place: &Place, step: u32, latitude_max: f64) -> Cell {
        let cut = |degrees: f64, max: f64| {
            let offset = (degrees + max) / (max + max);
            (offset * (1_u64 << step) as f64) as u32
        };
        let latitude = spread(cut(place.latitude, latitude_max));
        let longitude = spread(cut(place.longitude, LONGITUDE_MAX));
        Cell {
            bits: latitude | longitude << 1,
            step,
        }
    }

    /// What of the map it covers.
    fn area(&self) -> Area {
        let side = |cut: u32, max: f64| {
            let cuts = (1_u64 << self.step) as f64;
            let edge = |cut: u32| -max + f64::from(cut) / cuts * (max + max);
            (edge(cut), edge(cut.wrapping_add(1)))
        };
        Area {
            longitude: side(gather(self.bits >> 1), LONGITUDE_MAX),
            latitude: side(gather(self.bits), LATITUDE_MAX),
        }
    }

    /// The neighbour one to the east or west, and one to the north or south; the map goes on at its other side.
    fn moved(self, east: i8, north: i8) -> Cell {
        let unused = 64 - 2 * self.step;
        let shift = |bits: u64, own: u64, other: u64, by: i8| {
            let bits = bits & own;
            let gaps = other >> unused;
            let bits = match by {
                0 => bits,
                1.. => bits.wrapping_add(gaps + 1),
                // The gaps are filled, so that what is borrowed passes through them.
                _ => (bits | gaps).wrapping_sub(gaps + 1),
            };
            if by == 0 { bits } else { bits & own >> unused }
        };
        Cell {
            bits: shift(self.bits, LONGITUDE_BITS, LATITUDE_BITS, east)
                | shift(self.bits, LATITUDE_BITS, LONGITUDE_BITS, north),
            ..self
        }
    }

    /// The scores of the places within: from the first to before the second.
    fn scores(&self) -> (f64, f64) {
        let unused = 2 * (STEP_MAX - self.step);
        (
            (self.bits << unused) as f64,
            ((self.bits + 1) << unused) as f64,
        )
    }
}

/// The bits of a number with a gap behind each.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, LATITUDE_BITS),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// Every second bit, from the lowest on.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & LATITUDE_BITS;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As `GEOADD` and `ZSCORE`, `GEOHASH` and `GEODIST` of Redis 8.2.3 answered.
    #[test]
    fn cities_are_where_redis_has_them() {
        let palermo = Place {
            longitude: 13.361_389,
            latitude: 38.115_556,
        };
        let catania = Place {
            longitude: 15.087_269,
            latitude: 37.502_669,
        };
        assert_eq!(palermo.score(), 3_479_099_956_230_698.0);
        assert_eq!(catania.score(), 3_479_447_370_796_909.0);
        let stored = Place::from_score(palermo.score());
        assert_eq!(&stored.geohash(), b"sqc8b49rny0");
        let distance_m = stored.distance_m(&Place::from_score(catania.score()));
        assert_eq!(format!("{distance_m:.4}"), "166274.1516");
    }

    fn place() -> impl Strategy<Value = Place> {
        (-LONGITUDE_MAX..LONGITUDE_MAX, -LATITUDE_MAX..LATITUDE_MAX).prop_map(
            |(longitude, latitude)| Place {
                longitude,
                latitude,
            },
        )
    }

    proptest! {
        #[test]
        fn a_place_is_found_again_within_a_metre(place in place()) {
            let found = Place::from_score(place.score());
            prop_assert!(place.distance_m(&found) < 1.0, "{found:?}");
            prop_assert_eq!(found.score(), place.score());
        }

        #[test]
        fn what_lies_within_a_circle_lies_within_its_cells(
            centre in place(),
            radius_m in 1.0..200_000.0,
            offset in (-1.0..1.0, -1.0..1.0),
        ) {
            // Beyond, Redis's cells are known not to cover all.
            prop_assume!(centre.latitude.abs() < 80.0 && centre.longitude.abs() < 170.0);
            let shape = Shape::Circle { radius_m };
            let bounds = shape.bounds(&centre);
            let place = Place {
                longitude: centre.longitude + offset.0 * (bounds.longitude.1 - centre.longitude),
                latitude: centre.latitude + offset.1 * (bounds.latitude.1 - centre.latitude),
            };
            prop_assume!(place.is_on_map());
            let score = place.score();
            let place = Place::from_score(score);
            if shape.distance_m(&centre, &place).is_some() {
                let covered = shape.scores(&centre).iter().any(|&(min, max)| min <= score && score < max);
                prop_assert!(covered, "{place:?}");
            }
        }

        #[test]
        fn a_neighbour_s_neighbour_is_the_cell_itself(place in place(), step in 1_u32..=26, east in -1_i8..=1, north in -1_i8..=1) {
            let cell = Cell::around(&place, step, LATITUDE_MAX);
            prop_assert_eq!(cell.moved(east, north).moved(-east, -north), cell);
        }

        #[test]
        fn bits_are_spread_and_gathered(number: u32) {
            prop_assert_eq!(gather(spread(number)), number);
        }
    }
}
