//! Metrics, health and numbers of a running program, and what it reports to the service manager.

#[path = "../common/mod.rs"]
mod common;
mod health;
mod health_option;
mod numbers;
mod page;
mod server;
mod service_manager;
