//! Caches, controller and crossbar by themselves, between links that the tests fill and empty.

mod cache;
mod controller;
mod crossbar;
mod l1;
mod l2;
