//! Random programs: to come.
