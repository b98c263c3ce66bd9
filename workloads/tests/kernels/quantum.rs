//! quantum
