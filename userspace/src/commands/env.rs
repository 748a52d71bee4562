// SPDX-License-Identifier: MIT

//! `rmcp-kctl env`: the environment that a job on this GPU should have, and what its variables do.

use super::Exit;
use crate::accounts;
use crate::cli::{self, Format};
use crate::gpu::NONE_FOUND;
use crate::report::{paragraph, printable, Line, Terminal, Tone};
use crate::root::Root;
use crate::steps;
use crate::variables::job::Job;
use crate::variables::profile::{Bad, Profile, Profiles};
use crate::variables::render::Reader;
use crate::variables::{self, Gpu, Known, KNOWN};
use anyhow::{anyhow, bail, Result};
use serde::Serialize;

/// Where a row's text begins, after its label.
const LABEL: usize = 8;

/// The environment as a script gets it.
#[derive(Debug, Serialize)]
struct Document<'a> {
    exit_code: u8,
    gpus: Vec<Device<'a>>,
    profiles: &'a [String],
    #[serde(flatten)]
    job: &'a Job,
}

/// A GPU that it is for.
#[derive(Debug, Serialize)]
struct Device<'a> {
    bdf: &'a str,
    gfx_target: &'a str,
}

/// Runs the command.
///
/// # Errors
///
/// When a profile does not exist or cannot be used, something in /sys cannot be read, or the file cannot
/// be written.
pub fn run(root: &Root, terminal: &Terminal, args: &cli::Env) -> Result<Exit> {
    if let Some(name) = &args.explain {
        return explain(terminal, name);
    }
    let user = accounts::asked(root, args.user.as_deref())?;
    let profiles = Profiles::read(root, user.as_ref().map(|user| user.home.as_str()));
    if args.list {
        return list(terminal, &profiles);
    }
    print(root, terminal, args, &profiles)
}

fn print(root: &Root, terminal: &Terminal, args: &cli::Env, profiles: &Profiles) -> Result<Exit> {
    let gpus = variables::gpus(root)?;
    let job = Job::by_names(&gpus, profiles, &args.profiles).map_err(|why| anyhow!(why))?;
    let exit = match (job.warnings.is_empty(), gpus.is_empty()) {
        (_, true) => Exit::NoGpu,
        (false, _) => Exit::Warnings,
        _ => Exit::Success,
    };
    let reader = reader(terminal, args.format);
    let comments = terminal.verbose() || args.output.is_some();
    let text = match reader {
        Some(reader) if comments => header(&gpus, args) + &reader.render(&job, true),
        Some(reader) => reader.render(&job, false),
        None => {
            let document = Document {
                exit_code: exit.code(),
                gpus: gpus.iter().map(Device::of).collect(),
                profiles: &args.profiles,
                job: &job,
            };
            serde_json::to_string_pretty(&document)? + "\n"
        }
    };
    match &args.output {
        Some(file) => steps::write_output(file, text.as_bytes(), 0o644)?,
        None => terminal.raw(&text)?,
    }
    if gpus.is_empty() {
        terminal.progress(&format!(
            "rmcp-kctl: {NONE_FOUND}: what does harm on one was not taken away"
        ));
    }
    for warning in &job.warnings {
        terminal.progress(&format!("rmcp-kctl: {}", printable(warning)));
    }
    Ok(exit)
}

/// Who reads what is printed; `None` for a script that takes JSON.
pub(super) fn reader(terminal: &Terminal, format: Format) -> Option<Reader> {
    match format {
        _ if terminal.json() => None,
        Format::Json => None,
        Format::Sh => Some(Reader::Sh),
        Format::Fish => Some(Reader::Fish),
        Format::Systemd => Some(Reader::Systemd),
    }
}

/// What a file says of itself.
fn header(gpus: &[Gpu], args: &cli::Env) -> String {
    let gpus: Vec<String> = gpus
        .iter()
        .map(|gpu| format!("{} {} ({})", gpu.bdf, gpu.chip.name, gpu.chip.gfx_target))
        .collect();
    let gpus = match gpus.as_slice() {
        [] => "no RDNA1/RDNA2 GPU".to_owned(),
        gpus => gpus.join(", "),
    };
    let command = args
        .profiles
        .iter()
        .fold("rmcp-kctl env".to_owned(), |command, name| {
            format!("{command} --profile {name}")
        });
    printable(&format!("# Written by {command} on a machine with {gpus}.")) + "\n"
}

impl<'a> Device<'a> {
    fn of(gpu: &'a Gpu) -> Self {
        Self {
            bdf: &gpu.bdf,
            gfx_target: gpu.chip.gfx_target,
        }
    }
}

/// All profiles as a script gets them.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    profiles: &'a [Profile],
    unusable: &'a [Bad],
}

fn list(terminal: &Terminal, profiles: &Profiles) -> Result<Exit> {
    if terminal.json() {
        terminal.document(&Listed {
            profiles: &profiles.good,
            unusable: &profiles.bad,
        })?;
        return Ok(Exit::Success);
    }
    let mut lines = Vec::new();
    for profile in &profiles.good {
        lines.push(Line::new(Tone::Strong, &printable(&profile.name)));
        if !profile.about.is_empty() {
            row(&mut lines, "for", &profile.about);
        }
        for (name, value) in &profile.set {
            row(&mut lines, "sets", &format!("{name}={value}"));
        }
        for name in &profile.unset {
            row(&mut lines, "unsets", name);
        }
        if let Some(file) = &profile.file {
            row(&mut lines, "file", file);
        }
    }
    for bad in &profiles.bad {
        lines.push(Line::new(
            Tone::Bad,
            &format!("{}: cannot be used", printable(&bad.name)),
        ));
        row(&mut lines, "why", &bad.why);
        row(&mut lines, "file", &bad.file);
    }
    terminal.print(&lines)?;
    Ok(Exit::Success)
}

/// A variable as a script gets it.
#[derive(Debug, Serialize)]
struct Explained<'a> {
    name: &'a str,
    /// The values that matter.
    values: String,
    what: &'static str,
    said: Option<&'static str>,
    truth: Option<&'static str>,
    since: &'static str,
    source: &'static str,
}

fn explain(terminal: &Terminal, name: &str) -> Result<Exit> {
    let Some(known) = variables::find(name) else {
        bail!("{}", unknown(name));
    };
    let Known {
        does,
        since,
        source,
        ..
    } = known;
    let explained = Explained {
        name,
        values: known.when.to_string(),
        what: does,
        said: known.said.map(|said| said.claim),
        truth: known.said.map(|said| said.truth),
        since,
        source,
    };
    if terminal.json() {
        terminal.document(&explained)?;
        return Ok(Exit::Success);
    }
    let mut lines = vec![Line::new(Tone::Strong, name)];
    row(&mut lines, "values", &explained.values);
    row(&mut lines, "does", does);
    if let Some(said) = known.said {
        row(&mut lines, "said", said.claim);
        row(&mut lines, "true?", said.truth);
    }
    row(&mut lines, "since", since);
    row(&mut lines, "source", source);
    terminal.print(&lines)?;
    Ok(Exit::Success)
}

fn unknown(name: &str) -> String {
    let near = KNOWN
        .iter()
        .map(|known| (strsim::damerau_levenshtein(known.name, name), known.name))
        .min();
    let hint = match near {
        Some((distance, near)) if distance <= 3 => format!("did you mean {near}?"),
        _ => {
            let names: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
            format!("these are: {}", names.join(", "))
        }
    };
    format!("nothing is known of {name:?}; {hint}")
}

fn row(lines: &mut Vec<Line>, label: &str, text: &str) {
    let head = Line::plain(&format!("  {label:<LABEL$}"));
    lines.extend(paragraph(head, Tone::Plain, text));
}
