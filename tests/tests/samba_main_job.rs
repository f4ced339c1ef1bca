//! The main job on a real Active Directory domain, with the real agent beside it.

mod main_job;

use tests::harness::organisation::Organisation;

main_job::on!(Organisation::active_directory);
