// SPDX-License-Identifier: MIT

//! Where a kernel loads amdgpu from its initramfs, the modprobe.d in that image counts, and it is as
//! old as the image. What is in the images is read from the images themselves.

use super::twice::is_parameter;
use crate::cpio;
use crate::initramfs;
use crate::kernel;
use crate::modprobe::Config;
use crate::params::afterwards::IMAGES;
use crate::params::settings::{self, Origin};
use crate::params::{Check, Finding, Kernel, Setting, Severity, Sources, View};
use crate::root::Root;
use crate::traced::Place;
use std::collections::BTreeMap;
use std::path::Path;

const RULE: &str = "initramfs";

/// What an image holds of amdgpu and for it.
#[derive(Default)]
struct Image {
    has_amdgpu: bool,
    /// Path and text of what modprobe reads.
    config: BTreeMap<String, String>,
}

pub(super) fn apply(view: &View<'_>, check: &mut Check) {
    let set = |s: &Setting| s.origin == Origin::ModprobeD;
    let is_set = view.sources.settings.iter().any(set);
    let is_ordered = view.sources.modprobe.softdeps("amdgpu").next().is_some();
    for kernel in view.kernels {
        let release = &kernel.release;
        let Some(path) = initramfs::image(view.root, release) else {
            if is_set || kernel.has_rmcp && is_ordered {
                let why = format!("no initramfs image of {release} was found in /boot");
                check.skip(RULE, why);
            }
            continue;
        };
        match Image::read(&path) {
            Ok(image) if image.has_amdgpu => {
                let name = shown(view.root, &path);
                compare(view, kernel, &Config::of_files(&image.config), &name, check);
            }
            // amdgpu is loaded from the root filesystem, whose modprobe.d counts.
            Ok(_) => {}
            Err(why) => check.skip(RULE, format!("{}: {why}", shown(view.root, &path))),
        }
    }
}

impl Image {
    fn read(path: &Path) -> Result<Self, String> {
        let size = path.metadata().map_err(|error| error.to_string())?.len();
        if size > cpio::MAX_SIZE {
            return Err(format!("{size} bytes, which no initramfs has"));
        }
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        let mut image = Self::default();
        let each = |name: &str, content: &[u8]| {
            let last = name.rsplit('/').next().unwrap_or_default();
            image.has_amdgpu |= kernel::is_module_file(last, "amdgpu");
            if name.contains("modprobe.d/") || last == "modules.softdep" {
                let text = String::from_utf8_lossy(content).into_owned();
                image.config.insert(format!("/{name}"), text);
            }
        };
        cpio::files(&bytes, each).map_err(|error| error.to_string())?;
        Ok(image)
    }
}

/// Compares what wins here with what wins in the image.
fn compare(view: &View<'_>, kernel: &Kernel, in_image: &Config, image: &str, check: &mut Check) {
    let release = &kernel.release;
    let finding = |place: Place, found: String| Finding {
        severity: Severity::Warning,
        rule: RULE,
        place,
        found,
        why: "this kernel loads amdgpu from its initramfs, where only what was in modprobe.d when \
              the image was made counts"
            .to_owned(),
        todo: format!("rebuild the image: {IMAGES}"),
        source: format!("{image}, read"),
        edit: None,
    };
    let (here, there) = (
        winners(view, &view.sources.modprobe),
        winners(view, in_image),
    );
    for setting in &here {
        let image = there.iter().find(|other| other.same_parameter(setting));
        if image.is_none_or(|image| image.value != setting.value) {
            let found = format!(
                "{}: not in the initramfs of {release}",
                setting.assignment()
            );
            check.add(finding(setting.place.clone(), found));
        }
    }
    for setting in &there {
        if !here.iter().any(|other| other.same_parameter(setting)) {
            let found = format!(
                "{}.{}: in {} of the image, and not here any more",
                setting.module.name(),
                setting.assignment(),
                setting.place
            );
            check.add(finding(Place::file(image), found));
        }
    }
    if !kernel.has_rmcp || in_image.loads_rmcp_first().is_some() {
        return;
    }
    if let Some(line) = view.sources.modprobe.loads_rmcp_first() {
        let found = format!("the softdep that loads rmcp first: not in the initramfs of {release}");
        check.add(finding(line.place.clone(), found));
    }
}

/// The settings of modprobe.d that win, but for those that the command line overrides here and there
/// alike, and for what is no parameter.
fn winners(view: &View<'_>, config: &Config) -> Vec<Setting> {
    let all = settings::of_modprobe(config);
    let overridden = |setting: &Setting| {
        let mut others = view.sources.settings.iter();
        others.any(|other| other.origin == Origin::Running && other.same_parameter(setting))
    };
    let wins = |setting: &&Setting| {
        let winner = Sources::winner(all.iter(), setting);
        winner.is_some_and(|winner| std::ptr::eq(winner, *setting))
    };
    // Where no amdgpu.ko can be read, which was said, every name may be one.
    let may_be =
        |setting: &&Setting| is_parameter(view, setting) || view.amdgpus().next().is_none();
    all.iter()
        .filter(wins)
        .filter(may_be)
        .filter(|setting| !overridden(setting) && !setting.name.starts_with('#'))
        .cloned()
        .collect()
}

/// The path as the system has it.
fn shown(root: &Root, path: &Path) -> String {
    let below = path.strip_prefix(root.path("/")).unwrap_or(path);
    format!("/{}", below.display().to_string().trim_start_matches('/'))
}
