//! What is said to people: data on standard output, words on standard error, colours only on a
//! terminal.

use std::{fmt::Display, io::Write as _, process::ExitCode};

use anstyle::{AnsiColor, Style};

/// Writes one line of data to standard output. A closed pipe ends the command quietly.
pub(crate) fn data(line: impl Display) -> std::io::Result<()> {
    writeln!(anstream::stdout().lock(), "{line}")
}

/// Writes one line for people to standard error.
pub(crate) fn say(line: impl Display) {
    // Nobody may be listening, and that must not stop the server.
    let _unheard = writeln!(anstream::stderr().lock(), "{line}");
}

/// Says why a command failed, with every cause, and gives its exit code.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    let closed = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|io| io.kind() == std::io::ErrorKind::BrokenPipe);
    if closed {
        return ExitCode::SUCCESS;
    }
    say(format_args!("{RED}error{RED:#}: {error:#}"));
    ExitCode::FAILURE
}

/// For what needs attention.
pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
/// For what went well.
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
/// For names.
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default();
/// For what is of less weight.
pub(crate) const DIM: Style = Style::new().dimmed();
