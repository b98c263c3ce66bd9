//! Caches and controllers by themselves, between queues and links that the tests fill and empty.

mod cache;
mod controller;
mod l1;
mod l2;
