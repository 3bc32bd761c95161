//! Rejections, event versions and snapshot migration.
