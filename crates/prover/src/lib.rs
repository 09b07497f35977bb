//! The native proof system of zkinfer.

pub mod kernels;
