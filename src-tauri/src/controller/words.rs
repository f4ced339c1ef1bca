//! What the controller and the pages say to each other besides views: the shapes that
//! `ui/src/backend/backend.ts` names, and the few things a controller is made of.

use std::{sync::Arc, time::Duration};

use protocol::{
    api::{Help, TenantFace},
    problem::ProblemCode,
};
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use crate::{
    command_line::Mode,
    service_client::{Failure, Why},
    view::AnyView,
};

/// Unix time in seconds. An argument, so that tests move it by hand.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How long a call that has no answer is tried again.
#[derive(Clone, Debug)]
pub struct Patience {
    /// The pauses between the tries.
    pub pauses: Vec<Duration>,
    /// How long each try waits for its answer.
    pub answer: Duration,
    /// How many seconds ahead of the service this PC's clock may be before it is named as the
    /// reason that something is past its time.
    pub clock_ahead_s: i64,
}

/// Answer of `start`.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Started {
    /// The service answers.
    Ready(Box<Greeting>),
    /// It does not.
    Unreachable {
        /// Why.
        why: Why,
        /// Whom to ask meanwhile, as policy says, or what the host keeps from the last report.
        help: Option<Help>,
        /// Whose service it is, as the host keeps it.
        #[serde(skip_serializing_if = "Option::is_none")]
        tenant: Option<Box<TenantFace>>,
    },
}

/// All that the first pages need.
#[derive(Debug, Serialize)]
pub struct Greeting {
    /// What the service said of itself.
    pub start: Face,
    /// A recovery taken up again.
    pub resumed: Option<AnyView>,
    /// How the app is run.
    pub mode: Mode,
}

impl Greeting {
    pub(super) fn new(
        tenant: TenantFace,
        languages: Vec<String>,
        resumed: Option<AnyView>,
        mode: Mode,
    ) -> Self {
        Self { start: Face { tenant, languages }, resumed, mode }
    }
}

/// The service's `Start` without the bot check, which is none of the pages' business.
#[derive(Debug, Serialize)]
pub struct Face {
    /// Whose service this is.
    pub tenant: TenantFace,
    /// Languages the service writes in, best first.
    pub languages: Vec<String>,
}

/// A call that did not lead on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Refusal {
    /// The service refused it, or would have.
    Problem {
        /// A [`ProblemCode`], or one of a later version.
        code: String,
        /// After how many seconds another try makes sense.
        retry_after_s: Option<u32>,
        /// Finds the audit trail.
        case_code: Option<String>,
    },
    /// There was no answer.
    Unreachable {
        /// Why.
        why: Why,
    },
}

impl Refusal {
    pub(super) fn is(&self, wanted: ProblemCode) -> bool {
        match self {
            Self::Problem { code, .. } => *code == wanted.to_string(),
            Self::Unreachable { .. } => false,
        }
    }
}

impl From<ProblemCode> for Refusal {
    fn from(code: ProblemCode) -> Self {
        Self::Problem { code: code.to_string(), retry_after_s: None, case_code: None }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Problem(problem) => Self::Problem {
                code: problem.code,
                retry_after_s: problem.retry_after_s,
                case_code: problem.case_code,
            },
            Failure::Unreachable(why) => Self::Unreachable { why },
        }
    }
}

/// A code or password as typed in a page. Wiped on drop; cannot be printed.
pub struct Typed(Zeroizing<String>);

impl Typed {
    /// Takes what was typed.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// Hands the text over to a type that wipes it in turn.
    pub(super) fn into_text(mut self) -> String {
        std::mem::take(&mut *self.0)
    }
}

impl<'de> Deserialize<'de> for Typed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}
