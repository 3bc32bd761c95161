//! Readings in a time window.
