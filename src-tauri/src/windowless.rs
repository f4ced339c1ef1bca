//! The modes without a window, as the host starts them: the simple form in the tile, and the
//! report of the day. Start-up only.

use std::sync::Arc;

use protocol::host::app::{self, Ending, Hello};
use rand::rngs::StdRng;
use tokio::runtime::Builder;

use crate::{
    Clock, Controller, HostLink, Hosted, Mode, Patience, Policy, report,
    service_client::ServiceClient, tile,
};

/// Runs what the hello says until it has come to an end, and tells the host which.
///
/// # Errors
/// Why it cannot run at all, in words for the administrator.
pub fn run(
    link: &HostLink,
    hello: &Hello,
    policy: Policy,
    clock: Clock,
    rng: StdRng,
) -> Result<(), String> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("there are no threads left: {error}"))?;
    let ending = runtime.block_on(to_its_end(link, hello, policy, clock, rng))?;
    link.end(ending);
    // A bot check that nobody waits for any more is not waited for.
    runtime.shutdown_background();
    Ok(())
}

async fn to_its_end(
    link: &HostLink,
    hello: &Hello,
    policy: Policy,
    clock: Clock,
    mut rng: StdRng,
) -> Result<Ending, String> {
    let patience = Patience::default();
    match hello.mode {
        app::Mode::Tile => {
            let host = Arc::new(Hosted::new(link.clone(), hello, &mut rng));
            let controller = Controller::hosted(policy, Mode::SignIn, host, patience, clock, rng);
            Ok(tile::run(link, hello, Arc::new(controller)).await)
        }
        app::Mode::Report => {
            let service = ServiceClient::new(&policy, Some(&hello.proxy), patience.answer, clock);
            let service =
                service.map_err(|error| format!("the HTTPS client cannot be made: {error}"))?;
            Ok(report::run(link, hello, &policy, &service, &patience.pauses).await)
        }
        app::Mode::SignIn | app::Mode::Setup => Err("this mode has a window".to_owned()),
    }
}
