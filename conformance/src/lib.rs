//! The judge: does your server respect the protocol?

pub mod case;
pub mod compare;
pub mod control;
pub mod cuts;
pub mod generate;
pub mod known;
pub mod oracle;
pub mod ours;
pub mod record;
pub mod recorder;
pub mod replay;
pub mod report;
pub mod request;
pub mod reset;
pub mod seat;
pub mod server;
pub mod session;
pub mod slow;
pub mod suite;
pub mod transcript;
pub mod wire;
pub mod workspace;
