//! Refusals: RFC 9457 problem documents with stable codes. docs/errors.md lists them (a test
//! holds it to [`ProblemCode::ALL`]); the UI translates them; causes stay in the log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of every refused call (`application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A URI for the code: `urn:regain:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short English sentence that is the same for every occurrence.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: ProblemCode,
    /// Finds this occurrence in the service's log.
    pub trace: String,
    /// The case code of the recovery, when one is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case_code: Option<String>,
    /// After how many seconds another try makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $status:literal, $title:literal;)*) => {
        /// The stable codes of refusals.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum ProblemCode {
            $($(#[$doc])* $name,)*
        }

        impl ProblemCode {
            /// All of them, in the order of docs/errors.md.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The HTTP status it is answered with.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The same short English sentence each time.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

problems! {
    /// The body, a header or the path cannot be read as what this call takes.
    Malformed = 400, "The request is not understood.";
    /// The bot check is missing, wrong, too old or was used before.
    BotCheckFailed = 403, "The bot check was not passed.";
    /// The token is not one of ours, or was replaced by a newer one.
    TokenUnknown = 401, "This recovery is not known.";
    /// The recovery has ended; nothing more can be done with it.
    RecoveryEnded = 410, "This recovery has ended.";
    /// This call is not possible at this stage.
    WrongStage = 409, "This is not possible now.";
    /// The same idempotency key came with another body.
    KeyReused = 409, "This key was used for another request.";
    /// The method is not among those offered.
    MethodNotOffered = 409, "This way is not offered.";
    /// The act is not among those offered.
    ActNotOffered = 409, "This is not offered.";
    /// The code does not match.
    CodeWrong = 422, "The code does not match.";
    /// The code is too old.
    CodeExpired = 422, "The code has expired.";
    /// The sealed password is not bound to this operation, or is malformed.
    SealRejected = 422, "The sealed password does not belong to this operation.";
    /// The recipients changed while the person typed; seal again for the new list.
    RecipientsChanged = 409, "The recipients have changed.";
    /// Too many requests of this kind.
    TooMany = 429, "Too many requests. Try again later.";
    /// The directory cannot be reached now, so nothing was begun.
    DirectoryUnavailable = 503, "The directory cannot be reached now.";
    /// The directory is there, but changing it is switched off or stopped.
    RecoveryPaused = 503, "Changing accounts is paused now.";
    /// Another change of this account is under way; nothing was begun.
    AccountBusy = 409, "Another change of this account is under way.";
    /// Mail cannot be sent now.
    MailUnavailable = 503, "Messages cannot be sent now.";
    /// The host name is not a tenant's.
    UnknownHost = 421, "This host is not served here.";
    /// The app belongs to another tenant.
    WrongTenant = 403, "This app belongs to another organisation.";
    /// There is no such page or call.
    NotFound = 404, "There is nothing here.";
    /// The path exists, not with this method.
    MethodNotAllowed = 405, "This method is not allowed here.";
    /// The body is larger than this call takes.
    TooLarge = 413, "The request is too large.";
    /// The body is not JSON by its content type.
    NotJson = 415, "The request is not JSON.";
    /// The request comes from another web site's page.
    CrossSite = 403, "Requests from other sites are refused.";
    /// The enrolment code is unknown, used or too old.
    EnrolmentRefused = 403, "The enrolment code is not valid.";
    /// The fleet token is unknown, revoked, too old or used up.
    FleetTokenRefused = 403, "The fleet token is not valid.";
    /// No device has this key, and no fleet token came with it.
    DeviceUnknown = 403, "This device is not known.";
    /// An administrator shut this device out.
    DeviceRevoked = 403, "This device has been shut out.";
    /// Two devices report with one key, which therefore counts no more.
    DeviceShared = 403, "This device's key is used by two devices.";
    /// The nonce is not one of ours, or too old.
    NonceStale = 409, "The nonce is too old.";
    /// The service is too busy or its store cannot be written.
    Unavailable = 503, "The service cannot do this now.";
    /// Something broke inside; the log has the cause.
    Internal = 500, "Something went wrong here.";
}

impl Problem {
    /// The document for `code`; `trace` finds the occurrence in the log.
    pub fn new(code: ProblemCode, trace: String) -> Self {
        Self {
            kind: format!("urn:regain:problem:{code}"),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            trace,
            case_code: None,
            retry_after_s: None,
        }
    }
}

impl std::fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}
