//! The judge: does your server respect the protocol?
//!
//! A [`transcript`] is a recorded dialogue with real servers; a [`case`] is one ready to be played. [`replay`] plays it once on
//! the connections of a [`session`], with its writes divided by [`cuts`], and [`compare`] names what is wrong. A [`seat`] holds
//! one [`server`], brings it back to its first state ([`reset`]) and plays a case at every cut; a [`suite`] has many of them
//! play many cases at once, and a [`matrix`] many servers; [`identify`] says whom an unknown one resembles, and the
//! [`scoreboard`] sets servers by others beside the real ones. [`report`] tells
//! people and programs what came of it, less what is [`known`]; the [`harness`] is all of this inside another project's
//! `cargo test`. The [`recorder`] asks the real servers ([`oracle`]) what a transcript asks, and [`record`] writes their
//! answers down; a [`proxy`] overhears what others say, and [`monitor`] reads what MONITOR did; [`generate`] makes up what
//! nobody wrote, and [`coverage`] counts what of all commands is exercised at all; [`laws`] says what must be so
//! of any server, and [`slow`] judges what others see while clients are slow.
//!
//! Arrows point from the later names to the earlier ones; [`wire`] (replies) and [`request`] are known to all and know nobody.
//! Nothing here links a server: whoever is judged is spoken to over TCP.

pub mod case;
pub mod compare;
pub mod control;
mod cores;
pub mod coverage;
pub mod cuts;
pub mod generate;
pub mod harness;
pub mod identify;
pub mod known;
pub mod laws;
pub mod matrix;
pub mod monitor;
pub mod oracle;
pub mod ours;
pub mod proxy;
pub mod record;
pub mod recorder;
pub mod replay;
pub mod report;
pub mod request;
pub mod reset;
pub mod scoreboard;
pub mod seat;
pub mod server;
pub mod session;
pub mod slow;
pub mod suite;
pub mod transcript;
pub mod wire;
pub mod workspace;
