//! `report` mode, without a person: carries what the host found on this PC and signed to the
//! service, which enrols the device the first time, and fetches what the sign-in screen shows
//! while there is no network. Says in one line what came of it; the host writes that into its
//! log. Decides nothing about the key: the service does, and the host does what that means.

mod look;
mod picture;

use std::{future::Future, time::Duration};

use protocol::{
    api::TenantFace,
    device::{DeviceReport, FleetToken, SignedStatement},
    host::{
        app::{Ending, Hello, KeyRefused, Slot},
        tile::Outcome,
    },
    problem::ProblemCode,
};
use serde::Serialize;

use self::look::Came;
use crate::{
    HostLink, LinkError, Policy, Stop,
    service_client::{Failure, ServiceClient, Why},
};

/// Most nonces of one run: a second one for a clock or a service that was slow, a third where
/// this PC made itself a new key.
const ROUNDS: usize = 3;

/// Runs until it has come to an end, and says which.
pub(crate) async fn run(
    link: &HostLink,
    hello: &Hello,
    policy: &Policy,
    service: &ServiceClient,
    pauses: &[Duration],
) -> Ending {
    link.ready();
    let report = Report { link, hello, policy, service, pauses };
    tokio::select! {
        biased;
        stop = link.stopped() => report.left(stop),
        ending = report.whole() => ending,
    }
}

struct Report<'a> {
    link: &'a HostLink,
    hello: &'a Hello,
    policy: &'a Policy,
    service: &'a ServiceClient,
    pauses: &'a [Duration],
}

/// Why something did not come to its end.
enum Not {
    /// The service refused it.
    Refused(String),
    /// There was no answer.
    Unreachable(Why),
    /// The host did not do its part.
    Host(LinkError),
    /// The service is of another tenant than this app was rolled out for.
    OtherTenant,
}

/// What became of the report.
enum Reported {
    /// Taken, and written down by the host.
    Taken,
    /// Taken, and the device is new to the service.
    Enrolled,
    /// The service does not know this PC, and there is nothing to enrol it with.
    NotEnrolled,
    /// The service does not take the key.
    Key(KeyRefused),
}

impl From<LinkError> for Not {
    fn from(error: LinkError) -> Self {
        Self::Host(error)
    }
}

impl From<Failure> for Not {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Problem(problem) => Self::Refused(problem.code),
            Failure::Unreachable(why) => Self::Unreachable(why),
        }
    }
}

impl Report<'_> {
    async fn whole(&self) -> Ending {
        let reported = self.report().await;
        if let Err(Not::Unreachable(why)) = reported {
            return ending(Outcome::NotDone, &[unreachable(why), "all is kept as it was".into()]);
        }
        let face = self.face().await;
        let is_done = matches!(
            (&reported, &face),
            (
                Ok(Reported::Taken | Reported::Enrolled | Reported::NotEnrolled),
                Ok(Came { no_picture: None, .. })
            )
        );
        let outcome = if is_done { Outcome::Done } else { Outcome::NotDone };
        ending(outcome, &[self.words_of_report(reported), words_of_face(face)])
    }

    async fn report(&self) -> Result<Reported, Not> {
        let is_enrolled = self.hello.device.is_some_and(|device| device.enrolled.is_some());
        let mut was_stale = false;
        let mut was_shared = false;
        for _ in 0..ROUNDS {
            let nonce = self.again(|| self.service.device_nonce()).await?;
            let signed = self.link.sign_readiness(nonce).await?;
            let body = DeviceReport {
                report: SignedStatement::of(&signed),
                fleet_token: self.fleet_token(),
                tenant: self.policy.tenant,
            };
            // Sent again it is the same report, by its mark.
            let answer = self.again(|| self.service.report(&body)).await;
            let code = match answer {
                Ok(device) => {
                    self.link.reported(device).await?;
                    return Ok(if is_enrolled { Reported::Taken } else { Reported::Enrolled });
                }
                Err(Failure::Problem(problem)) => problem.code,
                Err(failure @ Failure::Unreachable(_)) => return Err(failure.into()),
            };
            let is = |known: ProblemCode| known.to_string() == code;
            let why = if is(ProblemCode::NonceStale) && !was_stale {
                was_stale = true;
                continue;
            } else if is(ProblemCode::DeviceShared) {
                KeyRefused::Shared
            } else if is(ProblemCode::DeviceRevoked) {
                KeyRefused::Revoked
            } else if is(ProblemCode::DeviceUnknown) && is_enrolled {
                KeyRefused::Unknown
            } else if is(ProblemCode::DeviceUnknown) {
                return Ok(Reported::NotEnrolled);
            } else {
                return Err(Not::Refused(code));
            };
            self.link.key_refused(why).await?;
            // The new key enrols at once where there is something to enrol it with.
            let again = why == KeyRefused::Shared && !was_shared && self.fleet_token().is_some();
            if !again {
                return Ok(Reported::Key(why));
            }
            was_shared = true;
        }
        Err(Not::Refused(ProblemCode::NonceStale.to_string()))
    }

    fn fleet_token(&self) -> Option<FleetToken> {
        let token = self.hello.fleet_token.as_ref()?;
        let read = FleetToken::parse(token.expose());
        if read.is_none() {
            tracing::warn!("the fleet token of this PC is none");
        }
        read
    }

    /// What is shown without the network: the tenant's face for the app, the tile's look.
    async fn face(&self) -> Result<Came, Not> {
        let tenant = self.again(|| self.service.start()).await?.tenant;
        if self.policy.tenant.is_some_and(|ours| ours != tenant.id) {
            return Err(Not::OtherTenant);
        }
        let branding = self.keep(Slot::Branding, &tenant).await?;
        let TenantFace { help, .. } = &tenant;
        let contact = self.keep(Slot::Contact, help).await?;
        let tile = self.again(|| self.service.tile()).await?;
        let came = look::bring(self.link, &tile, help).await?;
        Ok(Came { is_new: came.is_new || branding || contact, ..came })
    }

    /// Keeps this in a slot, unless it is there already: whether it was new.
    async fn keep(&self, slot: Slot, what: &impl Serialize) -> Result<bool, LinkError> {
        let what = serde_json::to_vec(what).map_err(|_| LinkError::Unexpected)?;
        let is_new = self.link.get(slot).await?.as_ref() != Some(&what);
        if is_new {
            self.link.put(slot, &what).await?;
        }
        Ok(is_new)
    }

    /// Makes a call until it has an answer or patience ends.
    async fn again<T, C>(&self, call: impl Fn() -> C) -> Result<T, Failure>
    where
        C: Future<Output = Result<T, Failure>>,
    {
        let mut pauses = self.pauses.iter();
        loop {
            let answer = call().await;
            match (&answer, pauses.next()) {
                (Err(Failure::Unreachable(why)), Some(pause)) if why.may_pass() => {
                    tokio::time::sleep(*pause).await;
                }
                _ => return answer,
            }
        }
    }

    fn left(&self, stop: Stop) -> Ending {
        let words = match stop {
            Stop::Cancelled(cause) => format!("the host wanted an end ({cause:?})"),
            Stop::HostGone => "the host is gone".to_owned(),
        };
        ending(Outcome::Cancelled, &[words])
    }

    fn words_of_report(&self, reported: Result<Reported, Not>) -> String {
        let words = match reported {
            Ok(Reported::Taken) => "the report was taken",
            Ok(Reported::Enrolled) => "this PC is enrolled, and its report was taken",
            Ok(Reported::NotEnrolled) if self.hello.fleet_token.is_some() => {
                "this PC is not enrolled: its fleet token is no fleet token"
            }
            Ok(Reported::NotEnrolled) => "this PC is not enrolled: it has no fleet token",
            Ok(Reported::Key(KeyRefused::Unknown)) => {
                "the service does not know this PC any more: the next report enrols it again, \
                 where there is a fleet token"
            }
            Ok(Reported::Key(KeyRefused::Shared)) => {
                "another PC has the same key: this one made itself a new one, and enrols again \
                 where there is a fleet token"
            }
            Ok(Reported::Key(KeyRefused::Revoked)) => "an administrator shut this PC out",
            Err(Not::Refused(code)) if code == ProblemCode::FleetTokenRefused.to_string() => {
                "this PC is not enrolled: the fleet token is unknown, revoked, too old or used up"
            }
            Err(Not::Refused(code)) => return format!("the report was refused ({code})"),
            Err(Not::Unreachable(why)) => return unreachable(why),
            Err(Not::Host(error)) => return format!("no report: {error}"),
            Err(Not::OtherTenant) => OTHER_TENANT,
        };
        words.to_owned()
    }
}

const OTHER_TENANT: &str = "the service is another organisation's than this app was rolled out for";

fn unreachable(why: Why) -> String {
    format!("the service cannot be reached ({why:?})").to_lowercase()
}

fn words_of_face(face: Result<Came, Not>) -> String {
    match face {
        Ok(Came { no_picture: Some(wrong), .. }) => wrong,
        Ok(Came { is_new: true, .. }) => "what the sign-in screen shows was brought".to_owned(),
        Ok(Came { is_new: false, .. }) => "what the sign-in screen shows is as it was".to_owned(),
        Err(Not::Refused(code)) => format!("what the sign-in screen shows was refused ({code})"),
        Err(Not::Unreachable(why)) => unreachable(why),
        Err(Not::Host(error)) => format!("what the sign-in screen shows was not kept: {error}"),
        Err(Not::OtherTenant) => OTHER_TENANT.to_owned(),
    }
}

fn ending(outcome: Outcome, words: &[String]) -> Ending {
    let words = protocol::host::Text::cut(&words.join("; "));
    Ending { outcome, words, sign_in: None }
}
