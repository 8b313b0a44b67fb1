//! The judge: does your server respect the protocol?

pub mod oracle;
pub mod workspace;
