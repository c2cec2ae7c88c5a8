//! Empty as yet.
fn main() {}
