//! Why a call was refused: the stable code for the caller, the cause for the log.

use protocol::problem::ProblemCode;
use recovery::{Refusal, Span};
use store::StoreError;

/// A refused call. It changed nothing, except what had to be counted.
#[derive(Debug)]
pub struct Refused {
    /// For the caller.
    pub code: ProblemCode,
    /// After how long another try makes sense.
    pub retry_after: Option<Span>,
    /// The recovery, when one is known.
    pub case_code: Option<String>,
    /// For the log.
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// What was counted before it was refused stays counted (nothing else was written).
    keep: bool,
}

impl Refused {
    /// With this code and nothing else to say.
    pub fn new(code: ProblemCode) -> Self {
        Self { code, retry_after: None, case_code: None, cause: None, keep: false }
    }

    /// Something broke inside.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { cause: Some(cause.into()), ..Self::new(ProblemCode::Internal) }
    }

    /// Too many; the wait is told in whole minutes, so that it does not say which limit it was
    /// (catalogue THR-07).
    pub fn too_many(wait: Span) -> Self {
        let minutes = i64::from(wait.seconds_up()).div_euclid(60) + 1;
        let keep = true;
        Self { keep, retry_after: Some(Span::minutes(minutes)), ..Self::new(ProblemCode::TooMany) }
    }

    /// Another change of the account is under way, for half a minute at the most usually.
    pub fn account_busy() -> Self {
        Self { retry_after: Some(Span::seconds(30)), ..Self::new(ProblemCode::AccountBusy) }
    }

    /// More at once than this process holds places for.
    pub fn busy() -> Self {
        Self { retry_after: Some(Span::minutes(1)), ..Self::new(ProblemCode::Unavailable) }
    }

    /// For the end of a write: a refusal that was counted commits its count.
    ///
    /// # Errors
    /// Every other refusal, which rolls everything back.
    pub(super) fn or_keep<T>(result: Result<T, Self>) -> Result<Result<T, Self>, Self> {
        match result {
            Err(refused) if !refused.keep => Err(refused),
            result => Ok(result),
        }
    }

    /// The same, naming the recovery.
    #[must_use]
    pub fn in_case(self, case_code: &str) -> Self {
        Self { case_code: Some(case_code.to_owned()), ..self }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Database(_) | StoreError::NotCommitted | StoreError::Closed => {
                ProblemCode::Unavailable
            }
            StoreError::Panicked
            | StoreError::Migrate(_)
            | StoreError::Inconsistent(_)
            | StoreError::RowCount(_) => ProblemCode::Internal,
        };
        Self { cause: Some(Box::new(error)), ..Self::new(code) }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Ended => Self::new(ProblemCode::RecoveryEnded),
            Refusal::WrongStage => Self::new(ProblemCode::WrongStage),
            Refusal::MethodNotOffered => Self::new(ProblemCode::MethodNotOffered),
            Refusal::ActNotOffered => Self::new(ProblemCode::ActNotOffered),
            Refusal::TooSoon(wait) => {
                Self { retry_after: Some(wait), ..Self::new(ProblemCode::TooMany) }
            }
        }
    }
}
