//! What a crash has left: calls whose end nobody saw, and records that were waiting.
//!
//! Start at [`recover`], which runs before the door opens.

use jiff::Timestamp;
use log::{Entry, EventLog, Kind, Position};
use tracing::{info, warn};

use super::{
    Capture, SOURCE,
    buffer::{Note, heartbeat},
};
use crate::{Error, recorder::Loss};

/// Makes records of what a crash has left. Doing it again does nothing.
pub(crate) async fn recover(capture: &Capture) -> Result<(), Error> {
    answer_intents(capture).await?;
    report_loss(capture).await
}

/// Calls that had left and whose end nobody saw become records that say so.
async fn answer_intents(capture: &Capture) -> Result<(), Error> {
    let now = capture.clock.now();
    let open = capture.log.open_intents().await?;
    let ours: Vec<&Entry> = open.iter().filter(|it| it.frame.source == SOURCE).collect();
    for intents in ours.chunks(INTENTS) {
        let mut frames = Vec::new();
        for Entry { position, frame } in intents {
            let finished = match capture.recorder.unknown(&frame.body, now) {
                Ok(finished) => finished,
                Err(error) => {
                    // Nothing is lost: the frame stays, and a later version may read it.
                    warn!(%position, error = &error as &dyn std::error::Error, "cannot read an intent");
                    continue;
                }
            };
            let mut answers = Some(*position);
            frames.extend(finished.into_iter().map(|it| {
                let answers = answers.take();
                let kind = if answers.is_some() { Kind::Outcome } else { Kind::Record };
                it.into_frame(kind, frame.arrival, SOURCE, answers)
            }));
        }
        if !frames.is_empty() {
            capture.log.append(frames).await?;
        }
    }
    if !ours.is_empty() {
        info!(calls = ours.len(), "calls whose end nobody saw were recorded");
    }
    Ok(())
}

/// A note that records were waiting becomes a gap record.
async fn report_loss(capture: &Capture) -> Result<(), Error> {
    let now = capture.clock.now();
    let remembered = capture.catalog.cursor(CURSOR).await?.map_or(Position(0), Position);
    let (end, note) = last_note(capture.log.as_ref(), remembered).await?;
    match note {
        Some((_, note)) if note.lease > 0 => {
            let loss = Loss {
                reason: "ProcessCrashed",
                account: None,
                region: None,
                from: Some(note.from),
                until: now,
                count_at_most: Some(u64::from(note.lease)),
                positions: None,
            };
            let gap = capture.recorder.lost(&loss, now).into_frame(Kind::Gap, now, SOURCE, None);
            // Together, so that one crash is never reported twice nor forgotten.
            let frames = vec![gap, heartbeat(capture, none(now).into())];
            let positions = capture.log.append(frames).await?;
            remember(capture, positions.end).await;
            warn!(at_most = note.lease, "records were lost by a crash");
        }
        Some(_) | None => remember(capture, end).await,
    }
    Ok(())
}

/// The end of the log, and our last note in it.
async fn last_note(
    log: &dyn EventLog,
    from: Position,
) -> Result<(Position, Option<(Position, Note)>), Error> {
    let mut at = from.max(log.first());
    let mut last = None;
    loop {
        let entries = log.read(at, READ_BYTES).await?;
        let Some(end) = entries.last().map(|it| it.position.next()) else { return Ok((at, last)) };
        let notes = entries
            .iter()
            .filter(|it| it.frame.kind == Kind::Heartbeat && it.frame.source == SOURCE)
            .filter_map(|it| Some((it.position, serde_json::from_slice(&it.frame.body).ok()?)));
        last = notes.last().or(last);
        at = end;
    }
}

/// Remembers that nothing before `position` has to be read at the next start.
pub(super) async fn remember(capture: &Capture, position: Position) {
    if let Err(error) = capture.catalog.set_cursor(CURSOR, position.0).await {
        // The next start reads more, that is all.
        warn!(error = &error as &dyn std::error::Error, "the door's cursor was not kept");
    }
}

fn none(now: Timestamp) -> Vec<u8> {
    serde_json::to_vec(&Note { lease: 0, from: now }).expect("a note has a number and a time")
}

/// Under which name the catalog keeps how far the log was looked through.
const CURSOR: &str = "door";
/// Intents that are answered together.
const INTENTS: usize = 256;
/// How much of the log is read at once.
const READ_BYTES: usize = 4 << 20;
