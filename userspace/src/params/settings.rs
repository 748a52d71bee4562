// SPDX-License-Identifier: MIT

//! Every place that sets a parameter of amdgpu or rmcp, in the order in which the module is passed
//! them: modprobe.d by file name, then the command line. The last one wins.

use crate::cmdline::arguments::{self, Argument};
use crate::cmdline::boot::{self, Configured, Loader};
use crate::cmdline::module_options;
use crate::kernel;
use crate::modprobe;
use crate::root::Root;
use crate::sysfs;
use crate::traced::{Place, Traced};
use serde::Serialize;
use std::ops::Range;

use super::edit::Edit;
use super::known;

/// The modules that are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Module {
    /// The driver.
    Amdgpu,
    /// The guard.
    Rmcp,
}

impl Module {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Amdgpu, Self::Rmcp];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amdgpu => "amdgpu",
            Self::Rmcp => "rmcp",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|module| module.name() == name)
    }
}

/// What kind of place a setting is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A modprobe.d file.
    ModprobeD,
    /// The command line that the running kernel was started with.
    Running,
    /// Where the next boot's command line is written down.
    #[serde(untagged)]
    Boot(Loader),
}

/// One parameter set in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The module.
    pub module: Module,
    /// The parameter, with `_` for `-`.
    pub name: String,
    /// Its value; `None` without a `=`.
    pub value: Option<String>,
    /// The word as it is written.
    pub written: String,
    /// Where it is.
    #[serde(flatten)]
    pub place: Place,
    /// What kind of place that is.
    pub origin: Origin,
    /// Whether a word with `#` stands before it on the same line.
    #[serde(skip)]
    pub after_hash: bool,
}

impl Setting {
    /// Whether it sets the same parameter as another one.
    pub fn same_parameter(&self, other: &Self) -> bool {
        self.module == other.module && self.name == other.name
    }

    /// Whether it is passed in a boot whose command line is from there.
    pub fn counts_in(&self, boot: Origin) -> bool {
        self.origin == Origin::ModprobeD || self.origin == boot
    }

    /// The change that puts another word in its place, or takes it out.
    pub(super) fn edit(&self, with: Option<String>) -> Edit {
        Edit {
            place: self.place.clone(),
            word: self.written.clone(),
            with,
        }
    }

    /// `name=value`, without what the place adds.
    pub fn assignment(&self) -> String {
        match &self.value {
            Some(value) => format!("{}={value}", self.name),
            None => self.name.clone(),
        }
    }
}

/// All that the system says about the modules' parameters and how they are loaded.
#[derive(Debug)]
pub struct Sources {
    /// modprobe.d.
    pub modprobe: modprobe::Config,
    /// The running kernel's command line.
    pub running: Option<Traced>,
    /// The next boot's.
    pub boot: Vec<Configured>,
    /// Every setting: modprobe.d's, the running command line's, the next boot's.
    pub settings: Vec<Setting>,
}

impl Sources {
    /// Reads them all.
    ///
    /// # Errors
    ///
    /// When a command line exists but cannot be read.
    pub fn read(root: &Root) -> std::io::Result<Self> {
        let release = kernel::running(root)?;
        let modprobe = modprobe::Config::read(root, release.as_deref());
        let running = sysfs::cmdline::running(root)?;
        let boot = boot::configured(root)?;
        let mut settings = of_modprobe(&modprobe);
        settings.extend(running.iter().flat_map(|l| of_line(l, Origin::Running)));
        for line in &boot {
            settings.extend(of_line(&line.text, Origin::Boot(line.loader)));
        }
        Ok(Self {
            modprobe,
            running,
            boot,
            settings,
        })
    }

    /// What a module was passed, or would be if it were loaded now, in order.
    pub fn now(&self) -> impl Iterator<Item = &Setting> {
        self.passed(Origin::Running)
    }

    /// What a module is passed in a boot whose command line is from there.
    pub fn passed(&self, boot: Origin) -> impl Iterator<Item = &Setting> {
        self.settings.iter().filter(move |s| s.counts_in(boot))
    }

    /// The settings to judge, each once: what the running kernel was started with counts where no
    /// file says it too.
    pub fn to_judge(&self) -> impl Iterator<Item = &Setting> {
        self.settings
            .iter()
            .filter(|setting| setting.origin != Origin::Running || !self.written_down(setting))
    }

    /// Whether the next boot's command line has the same setting.
    pub fn written_down(&self, setting: &Setting) -> bool {
        self.settings.iter().any(|other| {
            matches!(other.origin, Origin::Boot(_))
                && other.same_parameter(setting)
                && other.value == setting.value
        })
    }

    /// The command lines, and what they are.
    pub fn command_lines(&self) -> impl Iterator<Item = (&Traced, Origin)> {
        let running = self.running.iter().map(|text| (text, Origin::Running));
        let boot = self.boot.iter().map(|b| (&b.text, Origin::Boot(b.loader)));
        running.chain(boot)
    }

    /// The setting of a list that is in force for its parameter: the last.
    pub fn winner<'a>(
        settings: impl Iterator<Item = &'a Setting>,
        of: &Setting,
    ) -> Option<&'a Setting> {
        settings.filter(|other| other.same_parameter(of)).last()
    }
}

/// Where a part of a line is from.
pub(super) fn place(line: &Traced, range: &Range<usize>) -> Place {
    // A part of a line is never from an empty one.
    line.place(range.start)
        .cloned()
        .unwrap_or_else(|| Place::file(""))
}

/// The settings of modprobe.d.
pub(super) fn of_modprobe(config: &modprobe::Config) -> Vec<Setting> {
    let mut settings = Vec::new();
    for module in Module::ALL {
        for line in config.options(module.name()) {
            settings.extend(of_arguments(module, line));
        }
    }
    settings
}

fn of_arguments(module: Module, line: &Traced) -> Vec<Setting> {
    let mut after_hash = false;
    let mut settings = Vec::new();
    for argument in arguments::split(line.text()) {
        let range = argument.range.clone();
        let mut setting = setting(module, argument, line, range, Origin::ModprobeD);
        setting.after_hash = after_hash;
        after_hash |= setting.name.starts_with('#');
        settings.push(setting);
    }
    settings
}

fn of_line(line: &Traced, origin: Origin) -> Vec<Setting> {
    let options = module_options(line.text()).into_iter();
    let ours = options.filter_map(|option| Some((Module::of(&option.module)?, option)));
    ours.flat_map(|(module, option)| {
        let arguments = arguments::split(&option.argument).into_iter();
        arguments.map(move |one| setting(module, one, line, option.range.clone(), origin))
    })
    .collect()
}

/// The setting that an argument is, written in this part of a line.
fn setting(
    module: Module,
    argument: Argument,
    line: &Traced,
    range: Range<usize>,
    origin: Origin,
) -> Setting {
    Setting {
        module,
        name: known::normal(&argument.name),
        value: argument.value,
        place: place(line, &range),
        written: line.text()[range].to_owned(),
        origin,
        after_hash: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn settings_come_in_the_order_in_which_the_last_wins() {
        let directory = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("etc/modprobe.d/b.conf", "options amdgpu noretry=1 # a=2\n");
        write(
            "etc/modprobe.d/a.conf",
            "options amdgpu no-retry noretry=0\n",
        );
        write("proc/cmdline", "quiet amdgpu.noretry=-1\n");
        write(
            "etc/default/grub",
            "GRUB_CMDLINE_LINUX='amdgpu.noretry=-1'\n",
        );
        let sources = Sources::read(&Root::new(directory.path())).unwrap();
        let seen: Vec<_> = sources
            .settings
            .iter()
            .map(|s| format!("{} {} {}", s.place, s.assignment(), s.after_hash))
            .collect();
        assert_eq!(
            seen,
            [
                "/etc/modprobe.d/a.conf:1 no_retry false",
                "/etc/modprobe.d/a.conf:1 noretry=0 false",
                "/etc/modprobe.d/b.conf:1 noretry=1 false",
                "/etc/modprobe.d/b.conf:1 # false",
                "/etc/modprobe.d/b.conf:1 a=2 true",
                "/proc/cmdline noretry=-1 false",
                "/etc/default/grub:1 noretry=-1 false",
            ]
        );
        let noretry = &sources.settings[1];
        let winner = Sources::winner(sources.now(), noretry).unwrap();
        assert_eq!(winner.origin, Origin::Running);
        assert_eq!(sources.to_judge().count(), 6);
    }

    proptest! {
        #[test]
        fn no_line_panics(text in "(amdgpu|rmcp|\\.|=|\"|#| |-|\n|ä){0,30}") {
            let line = Traced::new(&text, Place::file("/f"));
            of_line(&line, Origin::Running);
            of_arguments(Module::Rmcp, &line);
        }
    }
}
