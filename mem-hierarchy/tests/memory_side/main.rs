//! Controllers by themselves, between links that the tests fill and empty.

mod controller;
