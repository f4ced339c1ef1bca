//! Which message is allowed when, of the app and of the tile: two small tables, and nobody else
//! decides it. What is not in them ends the run.

use protocol::host::{app, app::Mode, statement::Wanted, tile};

/// Where a run of the app stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppStage {
    /// Told hello; not drawn yet.
    Starting,
    /// Drawn.
    Running,
    /// Its outcome came, or it was told to end.
    Ending,
}

/// The kinds of what an app says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppKind {
    Ready,
    Present,
    Status,
    View,
    Assertion,
    ReadinessReport,
    Get,
    Put,
    Delete,
    Look,
    Reported,
    KeyRefused,
    Facts,
    Pc,
    Connect,
    Outcome,
    End,
}

const PERSON: &[Mode] = &[Mode::SignIn, Mode::Setup, Mode::Tile];
const TILE: &[Mode] = &[Mode::Tile];
const REPORT: &[Mode] = &[Mode::Report];
const ALL: &[Mode] = &[Mode::SignIn, Mode::Setup, Mode::Tile, Mode::Report];

const EARLY: &[AppStage] = &[AppStage::Starting];
const DRAWN: &[AppStage] = &[AppStage::Running];
const EITHER: &[AppStage] = &[AppStage::Starting, AppStage::Running];
const ALWAYS: &[AppStage] = &[AppStage::Starting, AppStage::Running, AppStage::Ending];

/// What an app may say: in which modes, at which stages.
pub const APP: &[(AppKind, &[Mode], &[AppStage])] = &[
    (AppKind::Ready, ALL, EARLY),
    (AppKind::Present, PERSON, DRAWN),
    (AppKind::Status, PERSON, EITHER),
    (AppKind::View, TILE, DRAWN),
    (AppKind::Assertion, ALL, EITHER),
    (AppKind::ReadinessReport, REPORT, DRAWN),
    (AppKind::Get, ALL, EITHER),
    (AppKind::Put, ALL, ALWAYS),
    (AppKind::Delete, ALL, ALWAYS),
    (AppKind::Look, REPORT, DRAWN),
    (AppKind::Reported, REPORT, DRAWN),
    (AppKind::KeyRefused, REPORT, DRAWN),
    (AppKind::Facts, REPORT, DRAWN),
    (AppKind::Pc, PERSON, EITHER),
    (AppKind::Connect, PERSON, DRAWN),
    // Also before it is drawn: an app that refuses to run says so.
    (AppKind::Outcome, ALL, ALWAYS),
    (AppKind::End, ALL, ALWAYS),
];

impl AppKind {
    /// The kind of a message.
    pub fn of(ask: &app::Ask) -> Self {
        use app::Ask;
        match ask {
            Ask::Ready => Self::Ready,
            Ask::Present => Self::Present,
            Ask::Status(_) => Self::Status,
            Ask::View(_) => Self::View,
            Ask::Sign(Wanted::Assertion { .. }) => Self::Assertion,
            Ask::Sign(Wanted::Readiness { .. }) => Self::ReadinessReport,
            Ask::Get { .. } => Self::Get,
            Ask::Put { .. } => Self::Put,
            Ask::Delete(_) => Self::Delete,
            Ask::Look(_) => Self::Look,
            Ask::Reported { .. } => Self::Reported,
            Ask::KeyRefused(_) => Self::KeyRefused,
            Ask::Facts => Self::Facts,
            Ask::Pc => Self::Pc,
            Ask::Connect => Self::Connect,
            Ask::Outcome(_) => Self::Outcome,
            Ask::End => Self::End,
        }
    }
}

/// Whether an app in this mode may say this now.
pub fn app_may(mode: Mode, stage: AppStage, ask: &app::Ask) -> bool {
    let kind = AppKind::of(ask);
    APP.iter().any(|(known, modes, stages)| {
        *known == kind && modes.contains(&mode) && stages.contains(&stage)
    })
}

/// Where a connection of the tile stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileStage {
    /// Nothing was said.
    New,
    /// Told how it looks.
    Greeted,
    /// The app is there or on its way.
    Flowing,
    /// The flow is over; perhaps a grant waits.
    Ended,
    /// The grant was taken.
    Granted,
}

/// The kinds of what a tile says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileKind {
    Hello,
    Start,
    Answer,
    Cancel,
    TakeGrant,
    LogonResult,
}

/// What a tile may say, at which stages. An answer or a cancel may cross the end on its way.
pub const TILE_MAY: &[(TileKind, &[TileStage])] = &[
    (TileKind::Hello, &[TileStage::New]),
    (TileKind::Start, &[TileStage::Greeted]),
    (TileKind::Answer, &[TileStage::Flowing, TileStage::Ended]),
    (TileKind::Cancel, &[TileStage::Flowing, TileStage::Ended]),
    (TileKind::TakeGrant, &[TileStage::Ended, TileStage::Granted]),
    (TileKind::LogonResult, &[TileStage::Granted]),
];

impl TileKind {
    /// The kind of a message.
    pub fn of(ask: &tile::Ask) -> Self {
        use tile::Ask;
        match ask {
            Ask::Hello { .. } => Self::Hello,
            Ask::Start { .. } => Self::Start,
            Ask::Answer(_) => Self::Answer,
            Ask::Cancel => Self::Cancel,
            Ask::TakeGrant => Self::TakeGrant,
            Ask::LogonResult { .. } => Self::LogonResult,
        }
    }
}

/// Whether a tile may say this now.
pub fn tile_may(stage: TileStage, ask: &tile::Ask) -> bool {
    let kind = TileKind::of(ask);
    TILE_MAY.iter().any(|(known, stages)| *known == kind && stages.contains(&stage))
}
