//! Decodes the messages of real devices into readings.
