// SPDX-License-Identifier: MIT

//! The environment of a job: what it should have and what it should not, by the GPUs of the machine and
//! by profiles.

use super::known::{Known, Weight, OVERRIDE};
use super::profile::{Profile, Profiles, DEFAULT};
use super::{find, gfx_override, harms, Gpu, KNOWN};
use crate::policy::Chip;
use serde::Serialize;

/// What a job should have in its environment, and what not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Job {
    /// What is set, by name.
    pub set: Vec<Set>,
    /// What is taken away.
    pub unset: Vec<Unset>,
    /// What a person's profile sets to that person's harm.
    pub warnings: Vec<String>,
}

/// A variable that is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Set {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The profile that sets it.
    pub profile: String,
    /// What is known of it.
    #[serde(flatten)]
    pub facts: Facts,
}

/// A variable that is taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unset {
    /// Its name.
    pub name: String,
    /// A value that does no harm stays: the version of a chip of this series, such as 10.3.
    pub unless: Option<String>,
    /// The profile that takes it away.
    pub profile: String,
    /// What is known of it.
    #[serde(flatten)]
    pub facts: Facts,
}

/// What is known of a variable; nothing of one that only a person's profile names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// What it does.
    pub what: Option<&'static str>,
    /// Since which version.
    pub since: Option<&'static str>,
    /// Where to read so: the project's source, or the profile's file.
    pub source: Option<String>,
}

impl Facts {
    fn of(name: &str, profile: Option<&Profile>) -> Self {
        let known = find(name);
        let file = || profile.and_then(|profile| profile.file.clone());
        Self {
            what: known.map(|known| known.does),
            since: known.map(|known| known.since),
            source: known.map(|known| known.source.to_owned()).or_else(file),
        }
    }
}

impl Job {
    /// The environment on these GPUs by the profiles of these names.
    ///
    /// # Errors
    ///
    /// When there is none of a name, or it cannot be used.
    pub fn by_names(gpus: &[Gpu], profiles: &Profiles, names: &[String]) -> Result<Self, String> {
        let asked = names.iter().map(|name| profiles.find(name));
        let asked: Vec<&Profile> = asked.collect::<Result<_, _>>()?;
        Ok(Self::new(gpus, profiles.find(DEFAULT)?, &asked))
    }

    /// The environment on these GPUs. Of two profiles that say different things of a variable the
    /// later one counts.
    pub fn new(gpus: &[Gpu], default: &Profile, profiles: &[&Profile]) -> Self {
        let mut job = Self {
            set: Vec::new(),
            unset: harmful(gpus, default),
            warnings: Vec::new(),
        };
        for profile in profiles {
            job.apply(profile);
        }
        job.set.sort_by(|a, b| a.name.cmp(&b.name));
        let persons = |set: &&Set| find_file(profiles, &set.profile).is_some();
        job.warnings = job
            .set
            .iter()
            .filter(persons)
            .filter(|set| harms(&set.name, &set.value, gpus))
            .map(|set| {
                format!(
                    "the profile {} sets {}={}, which does harm on this GPU: {}",
                    set.profile,
                    set.name,
                    set.value,
                    set.facts.what.unwrap_or_default()
                )
            })
            .collect();
        job
    }

    fn apply(&mut self, profile: &Profile) {
        for name in profile.set.keys().chain(&profile.unset) {
            self.set.retain(|set| set.name != *name);
            self.unset.retain(|unset| unset.name != *name);
        }
        self.set.extend(profile.set.iter().map(|(name, value)| Set {
            name: name.clone(),
            value: value.clone(),
            profile: profile.name.clone(),
            facts: Facts::of(name, Some(profile)),
        }));
        self.unset.extend(profile.unset.iter().map(|name| Unset {
            name: name.clone(),
            unless: None,
            profile: profile.name.clone(),
            facts: Facts::of(name, Some(profile)),
        }));
    }
}

fn find_file<'a>(profiles: &[&'a Profile], name: &str) -> Option<&'a str> {
    let profile = profiles.iter().find(|profile| profile.name == name)?;
    profile.file.as_deref()
}

/// What does harm on these GPUs, whatever it is set to, or but for some values.
fn harmful(gpus: &[Gpu], default: &Profile) -> Vec<Unset> {
    if gpus.is_empty() {
        return Vec::new();
    }
    let chips: Vec<&Chip> = gpus.iter().map(|gpu| gpu.chip).collect();
    let unset = |name: String, unless: Option<String>| Unset {
        facts: Facts::of(&name, None),
        name,
        unless,
        profile: default.name.clone(),
    };
    let applies = |known: &&Known| known.weight == Weight::Harmful && known.machines.has(&chips);
    let mut all = Vec::new();
    for known in KNOWN.iter().filter(applies) {
        if known.name != OVERRIDE {
            all.push(unset(known.name.to_owned(), None));
            continue;
        }
        let mut series: Vec<Option<String>> = chips
            .iter()
            .map(|chip| gfx_override::series(chip))
            .collect();
        series.sort();
        series.dedup();
        let one = match series.as_slice() {
            [one] => one.clone(),
            _ => None,
        };
        all.push(unset(OVERRIDE.to_owned(), one));
        all.extend(gpus.iter().filter_map(|gpu| {
            let name = format!("{OVERRIDE}_{}", gpu.node?);
            Some(unset(name, gfx_override::series(gpu.chip)))
        }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::Root;
    use crate::variables::testing::gpus;

    fn own(name: &str) -> Profile {
        let directory = tempfile::tempdir().unwrap();
        let profiles = Profiles::read(&Root::new(directory.path()), None);
        profiles.find(name).unwrap().clone()
    }

    fn job(targets: &[&str], profiles: &[&Profile]) -> Job {
        Job::new(&gpus(targets), &own(DEFAULT), profiles)
    }

    fn removed(job: &Job) -> Vec<(&str, Option<&str>)> {
        let unset = job.unset.iter();
        unset
            .map(|unset| (unset.name.as_str(), unset.unless.as_deref()))
            .collect()
    }

    #[test]
    fn by_default_nothing_is_set_and_only_harm_is_taken_away() {
        let navi10 = job(&["gfx1010"], &[]);
        assert_eq!(navi10.set, []);
        assert_eq!(
            removed(&navi10),
            [
                ("HSA_OVERRIDE_GFX_VERSION", Some("10.1")),
                ("HSA_OVERRIDE_GFX_VERSION_1", Some("10.1")),
                ("HSA_FORCE_FINE_GRAIN_PCIE", None),
                ("HSA_DISABLE_CACHE", None),
                ("OPENCL_USE_NC_MEMORY_POLICY", None),
                ("HIP_FORCE_DEV_KERNARG", None),
            ]
        );
        let two = job(&["gfx1030", "gfx1032"], &[]);
        assert_eq!(
            removed(&two),
            [
                ("HSA_OVERRIDE_GFX_VERSION", Some("10.3")),
                ("HSA_OVERRIDE_GFX_VERSION_1", Some("10.3")),
                ("HSA_OVERRIDE_GFX_VERSION_2", Some("10.3")),
                ("HSA_DISABLE_CACHE", None),
                ("OPENCL_USE_NC_MEMORY_POLICY", None),
            ]
        );
        let mixed = job(&["gfx1010", "gfx1030"], &[]);
        assert_eq!(removed(&mixed)[0], ("HSA_OVERRIDE_GFX_VERSION", None));
        assert_eq!(removed(&job(&[], &[])), []);
    }

    #[test]
    fn what_is_taken_away_and_what_is_harm_are_the_same() {
        for targets in [&["gfx1010"][..], &["gfx1030"], &["gfx1010", "gfx1036"]] {
            let job = job(targets, &[]);
            for known in &KNOWN {
                let removed = job.unset.iter().find(|unset| unset.name == known.name);
                let harm = ["", "1", "10.1.0", "10.3.0"]
                    .iter()
                    .any(|value| harms(known.name, value, &gpus(targets)));
                assert_eq!(removed.is_some(), harm, "{} {targets:?}", known.name);
            }
        }
    }

    #[test]
    fn a_profile_that_is_asked_for_goes_before_the_default() {
        let check = own("coherence-check");
        let job = job(&["gfx1010"], &[&check]);
        assert_eq!(job.set[0].name, "HSA_DISABLE_CACHE");
        assert!(removed(&job)
            .iter()
            .all(|(name, _)| *name != "HSA_DISABLE_CACHE"));
        assert_eq!(job.warnings, [""; 0], "it is meant so");
    }

    #[test]
    fn of_two_profiles_the_later_counts() {
        let conservative = own("conservative");
        let mut mine = own(DEFAULT);
        mine.name = "mine".to_owned();
        mine.file = Some("/mine.toml".to_owned());
        mine.set.insert("HSA_USE_SVM".to_owned(), "1".to_owned());
        mine.set.insert(OVERRIDE.to_owned(), "10.3.0".to_owned());
        mine.unset = vec!["AMD_SERIALIZE_COPY".to_owned()];
        let job = job(&["gfx1010"], &[&conservative, &mine]);
        let set: Vec<_> = job
            .set
            .iter()
            .map(|set| (set.name.as_str(), set.value.as_str()))
            .collect();
        assert_eq!(
            set,
            [
                ("AMD_SERIALIZE_KERNEL", "3"),
                ("HSA_DISABLE_FRAGMENT_ALLOCATOR", "1"),
                (OVERRIDE, "10.3.0"),
                ("HSA_USE_SVM", "1"),
            ]
        );
        assert!(removed(&job).contains(&("AMD_SERIALIZE_COPY", None)));
        assert_eq!(job.warnings.len(), 1);
        assert!(job.warnings[0].contains("mine sets HSA_OVERRIDE_GFX_VERSION=10.3.0"));
    }
}
