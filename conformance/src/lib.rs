//! The judge: does your server respect the protocol?

pub mod oracle;
pub mod request;
pub mod server;
pub mod session;
pub mod transcript;
pub mod wire;
pub mod workspace;
