//! The judge: does your server respect the protocol?
