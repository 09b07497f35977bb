//! The native proof system of zkinfer.
