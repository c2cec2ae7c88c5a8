//! Sources of each role, and everything that may be wrong with them.
