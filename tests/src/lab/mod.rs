//! The lab: each part is a real server or program, on a free port or an address of its own,
//! with a run folder of its own, so that two runs go side by side. Whatever is started ends
//! with the value that stands for it, and with the process that started it.
//!
//! No product code here, and no fakes.

pub mod agent;
pub mod app;
pub mod browser;
pub mod display;
pub mod http;
pub mod ldap;
pub mod machine;
pub mod process;
pub mod run_folder;
pub mod samba;
pub mod service;
pub mod smtp;
pub mod tile;
pub mod wait;
pub mod webdriver;
pub mod wine;
