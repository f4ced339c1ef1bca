//! Nothing: this package is its test, `main.rs`. It is a package of its own because it alone
//! arms the fail points.
