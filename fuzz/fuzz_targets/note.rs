//! Signed notes, checkpoints and policies, as logs and witnesses publish them.
#![no_main]

use integrity::tree::{
    Checkpoint, Note, Policy, VerifierKey, builder::entries_of, note::signature_lines,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(note) = Note::parse(bytes) {
        // What is read is what is written: there is one spelling.
        assert_eq!(note.to_string().as_bytes(), bytes);
    }
    if let Ok(text) = str::from_utf8(bytes) {
        if let Ok(checkpoint) = Checkpoint::parse(text) {
            assert_eq!(checkpoint.to_text(), text);
        }
        if let Ok(key) = text.parse::<VerifierKey>() {
            assert_eq!(key.to_string(), text);
        }
        if let Ok(tile) = text.parse::<integrity::tree::Tile>() {
            assert_eq!(tile.to_string(), text);
        }
        let _ = text.parse::<Policy>();
        let _ = signature_lines(text);
    }
    let _ = entries_of(bytes);
});
