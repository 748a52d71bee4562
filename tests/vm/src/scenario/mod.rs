// SPDX-License-Identifier: MIT

//! The scenarios: each fails when something that rmcp promises does not hold in a booted guest.
//! Guests are expensive, so scenarios that need the same boot share one, one after the other; after
//! a failure the next gets a guest of its own.

mod altered;
mod boot;
mod broken;
pub mod chips;
mod compute;
mod control;
mod deb;
mod doctor;
mod faults;
mod growth;
mod initramfs;
mod modes;
mod mtype;
mod order;
mod package;
mod parameter;
mod params;
mod patched;
mod patched_bugs;
mod power_cut;
mod probes_off;
mod rebind;
mod reboot;
mod reload;
mod reset;
mod rocr;
mod run;
mod runtime_pm;
mod support;
mod suspend;
mod tampered;
mod two;
mod unplug;
mod upgrade;
mod verify;

use crate::checkout::Checkout;
use crate::image::Variant;
use crate::parallel;
use crate::progress::say;
use crate::rootfs::RootFs;
use crate::vm::{Bench, Boot, Vm};
use anyhow::{bail, Context, Result};
use rmcp_vgpu::Role;
use std::collections::BTreeSet;
use std::path::Path;

/// One scenario.
#[derive(Debug)]
struct Scenario {
    name: &'static str,
    on: On,
    /// What the guest has installed.
    variant: Variant,
    /// What is done to the guest before its init runs.
    before_init: Option<&'static str>,
    /// Whether amdgpu has runtime PM.
    runtime_pm: bool,
    /// Whether no other scenario shares its boot.
    alone: bool,
    /// Whether it takes so long that it only runs when it is asked for.
    long: bool,
    run: fn(&mut Vm) -> Result<()>,
}

/// Which GPUs a scenario needs.
#[derive(Debug)]
enum On {
    /// The one that was asked for, or any.
    Any,
    /// These.
    Only(&'static [&'static str]),
}

const FINGERPRINT: Option<&str> = Some("/usr/local/lib/rmcp-tests/replace fingerprint");
const MISSING: Option<&str> = Some("/usr/local/lib/rmcp-tests/replace missing");
const BROKEN: Option<&str> = Some("/usr/local/lib/rmcp-tests/replace broken");

/// Every scenario, in the order in which those of one boot run.
const ALL: &[Scenario] = &[
    scenario("boot-navi10", On::Only(&["navi10"]), None, boot::enforces),
    // rmcp is gone after it.
    Scenario {
        alone: true,
        ..scenario("uninstall", On::Any, None, package::uninstall)
    },
    scenario("boot-navi21", On::Only(&["navi21"]), None, boot::enforces),
    scenario(
        "two",
        On::Only(&["navi10", "navi21"]),
        None,
        two::each_by_itself,
    ),
    scenario(
        "compute-navi10",
        On::Only(&["navi10"]),
        None,
        compute::is_untouched,
    ),
    scenario(
        "compute-navi21",
        On::Only(&["navi21"]),
        None,
        compute::is_untouched,
    ),
    scenario("run", On::Only(&["navi10"]), None, run::a_job_that_faults),
    scenario(
        "control-renoir",
        On::Only(&["renoir"]),
        None,
        control::is_left_alone,
    ),
    scenario(
        "control-beside",
        On::Only(&["navi10", "navi31"]),
        None,
        control::beside_a_guarded_one,
    ),
    scenario(
        "mtype-navi10",
        On::Only(&["navi10"]),
        None,
        mtype::cc_leaves_as_nc,
    ),
    scenario(
        "mtype-navi21",
        On::Only(&["navi21"]),
        None,
        mtype::cc_leaves_as_nc,
    ),
    scenario(
        "verify-navi10",
        On::Only(&["navi10"]),
        None,
        verify::agrees_with_the_gpu,
    ),
    Scenario {
        on: On::Only(&["navi21"]),
        ..long("long-verify-navi21", verify::agrees_with_the_gpu)
    },
    scenario("parameter", On::Any, None, parameter::out_of_range),
    scenario("faults", On::Any, None, faults::of_every_client),
    // Each of these has another table of clients at the multimedia hub.
    Scenario {
        on: On::Only(&["navi21"]),
        ..long("long-faults-navi21", faults::of_every_client)
    },
    Scenario {
        on: On::Only(&["vangogh"]),
        ..long("long-faults-vangogh", faults::of_every_client)
    },
    long("long-params", params::folklore),
    Scenario {
        variant: Variant::Rocr,
        ..long("long-rocr", rocr::refuses_what_does_harm)
    },
    scenario("order", On::Any, None, order::amdgpu_first),
    scenario("reload", On::Any, None, reload::twenty_times),
    scenario("modes", On::Any, None, modes::change_what_is_done),
    scenario("probes-off", On::Any, None, probes_off::while_a_gpu_comes),
    scenario("rebind", On::Any, None, rebind::three_times),
    scenario("unplug", On::Any, None, unplug::and_plug_in),
    long("long-dkms", package::dkms_install),
    Scenario {
        variant: Variant::Deb,
        ..long("long-deb", deb::comes_and_goes)
    },
    long("long-growth", growth::is_seen),
    long("long-rebind", rebind::fifty_times),
    long("long-unplug", unplug::twenty_times),
    long("long-reset", reset::twenty_times),
    // As long as the others together.
    Scenario {
        alone: true,
        ..long("long-reload", reload::of_amdgpu_twenty_times)
    },
    Scenario {
        variant: Variant::Initramfs,
        alone: true,
        ..long("long-power-cut", power_cut::while_installing)
    },
    Scenario {
        variant: Variant::Dracut,
        ..long("long-dracut", initramfs::comes_first)
    },
    Scenario {
        variant: Variant::Upgrade,
        ..long("long-upgrade", upgrade::boots_enforced)
    },
    Scenario {
        variant: Variant::Unserved,
        ..long("long-unserved", upgrade::boots_unguarded)
    },
    scenario("reset", On::Any, None, reset::of_the_gpu),
    // Nothing but a reboot ends a lockdown.
    scenario("verify-lockdown", On::Any, None, verify::under_lockdown),
    // After "reset", which taints the kernel.
    scenario("reboot", On::Any, None, reboot::through_firmware),
    Scenario {
        runtime_pm: true,
        ..scenario("runtime-pm", On::Any, None, runtime_pm::off_and_on)
    },
    // A lockdown lasts.
    Scenario {
        alone: true,
        ..long("long-doctor", doctor::agrees_with_the_guest)
    },
    // A guest can sleep once.
    Scenario {
        alone: true,
        ..scenario("suspend", On::Any, None, suspend::to_ram)
    },
    Scenario {
        variant: Variant::Initramfs,
        ..scenario("initramfs", On::Any, None, initramfs::rmcp_is_in_it)
    },
    scenario(
        "tampered-fingerprint",
        On::Any,
        FINGERPRINT,
        tampered::at_boot,
    ),
    scenario("tampered-offset", On::Any, FINGERPRINT, tampered::offset),
    Scenario {
        before_init: FINGERPRINT,
        ..long("long-altered-amdgpu", altered::is_refused_by_name)
    },
    Scenario {
        variant: Variant::Patched,
        ..long("long-patched", patched::stands_in_for_rmcp)
    },
    // ip_block_mask counts the blocks of this chip.
    Scenario {
        on: On::Only(&["navi10"]),
        variant: Variant::Patched,
        alone: true,
        ..long("long-patched-bugs", patched_bugs::show_and_are_mended)
    },
    scenario("missing", On::Any, MISSING, broken::amdgpu_works_alone),
    scenario("broken", On::Any, BROKEN, broken::amdgpu_works_alone),
];

const fn scenario(
    name: &'static str,
    on: On,
    before_init: Option<&'static str>,
    run: fn(&mut Vm) -> Result<()>,
) -> Scenario {
    Scenario {
        name,
        on,
        variant: Variant::Tests,
        before_init,
        runtime_pm: false,
        alone: false,
        long: false,
        run,
    }
}

const fn long(name: &'static str, run: fn(&mut Vm) -> Result<()>) -> Scenario {
    Scenario {
        long: true,
        ..scenario(name, On::Any, None, run)
    }
}

impl Scenario {
    fn boot(&self, chip: Option<&'static str>) -> Boot {
        Boot {
            chips: match self.on {
                On::Only(chips) => chips.to_vec(),
                On::Any => vec![chip.unwrap_or("navi10")],
            },
            variant: self.variant,
            before_init: self.before_init,
            own_retries: false,
            runtime_pm: self.runtime_pm,
        }
    }

    /// Why it makes no sense on the GPU that was asked for, if so.
    fn cannot_be_on(&self, chip: &str) -> Option<String> {
        match self.on {
            On::Only(only) if only == [chip] => None,
            On::Only(_) => Some(format!("the GPU asked for is {chip}")),
            On::Any => {
                let chip = rmcp_vgpu::chip(chip)?;
                let control = chip.role == Role::Control;
                let left_alone = control.then_some("rmcp leaves this GPU alone");
                let awake = (self.runtime_pm && support::is_apu(chip))
                    .then_some("amdgpu switches off no APU");
                left_alone.or(chip.obstacle).or(awake).map(str::to_owned)
            }
        }
    }

    /// Whether it can share the guest that just boots, with whatever it does to it.
    fn is_in_an_ordinary_boot(&self) -> bool {
        self.variant == Variant::Tests
            && self.before_init.is_none()
            && !self.runtime_pm
            && !self.alone
            && !self.long
    }

    fn wanted(&self, all: bool, filters: &[String]) -> bool {
        if filters.is_empty() {
            all || !self.long
        } else {
            filters.iter().any(|filter| match self.long {
                true => self.name.starts_with(filter),
                false => self.name.contains(filter),
            })
        }
    }
}

/// The scenario of this name.
fn named(name: &str) -> Result<&'static Scenario> {
    let mut all = ALL.iter();
    all.find(|scenario| scenario.name == name)
        .with_context(|| format!("there is no scenario {name}"))
}

/// Runs the scenarios whose names contain one of the filters, and of the long ones those that begin
/// with one; without any those that are not long, or all. The answer is whether none failed.
pub fn run(
    checkout: &Checkout,
    kctl: &Path,
    chip: Option<&'static str>,
    all: bool,
    filters: &[String],
) -> Result<bool> {
    let mut plan = Plan::new(chip, |scenario| scenario.wanted(all, filters));
    if plan.is_empty() {
        bail!("{}", unknown(filters));
    }
    plan.pass_over_what_cannot_be_made(checkout)?;
    for (scenario, outcome) in &plan.passed_over {
        print("", scenario, outcome);
    }
    let mut outcomes = plan.passed_over;
    if !plan.groups.is_empty() {
        let variants: BTreeSet<Variant> = plan.groups.iter().map(Group::variant).collect();
        let bench = Bench::prepare(checkout, &RootFs::get(checkout)?, kctl, variants)?;
        let logs = checkout.path("target/vm");
        let ran = parallel::map(plan.groups, |group| group.run(&bench, "", &logs));
        outcomes.extend(ran.into_iter().flatten());
    }
    Ok(summarise(&outcomes))
}

/// Says that no scenario is called so.
pub(crate) fn unknown(filters: &[String]) -> String {
    let names: Vec<_> = ALL.iter().map(|scenario| scenario.name).collect();
    format!(
        "no scenario is called like {filters:?}; there are: {}",
        names.join(", ")
    )
}

/// Scenarios to be run, by the boots that they share.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) groups: Vec<Group>,
    /// Those that make no sense on the GPU that was asked for, or need what is not to be had.
    pub(crate) passed_over: Vec<(&'static str, Outcome)>,
}

/// Scenarios that share a boot.
#[derive(Debug)]
pub(crate) struct Group {
    boot: Boot,
    scenarios: Vec<&'static Scenario>,
}

impl Plan {
    fn new(chip: Option<&'static str>, wanted: impl Fn(&Scenario) -> bool) -> Self {
        let mut plan = Self::default();
        for scenario in ALL.iter().filter(|scenario| wanted(scenario)) {
            if let Some(why) = chip.and_then(|chip| scenario.cannot_be_on(chip)) {
                plan.passed_over
                    .push((scenario.name, Outcome::Skipped(why)));
                continue;
            }
            let boot = scenario.boot(chip);
            let shares = |group: &&mut Group| {
                group.boot == boot
                    && !scenario.alone
                    && group.scenarios.iter().all(|member| !member.alone)
            };
            match plan.groups.iter_mut().find(shares) {
                Some(group) => group.scenarios.push(scenario),
                None => plan.groups.push(Group {
                    boot,
                    scenarios: vec![scenario],
                }),
            }
        }
        plan
    }

    /// What is run on this GPU under every kernel: with filters, all that [`run`] would run with them;
    /// without, all that an ordinary boot with this GPU alone can show.
    pub(crate) fn of_every_kernel(chip: &'static str, filters: &[String]) -> Self {
        Self::new(Some(chip), |scenario| {
            if filters.is_empty() {
                scenario.cannot_be_on(chip).is_none() && scenario.is_in_an_ordinary_boot()
            } else {
                scenario.wanted(false, filters)
            }
        })
    }

    /// A guest may need what is not to be had.
    fn pass_over_what_cannot_be_made(&mut self, checkout: &Checkout) -> Result<()> {
        for group in std::mem::take(&mut self.groups) {
            match group.variant().obstacle(checkout)? {
                None => self.groups.push(group),
                Some(why) => {
                    let scenarios = group.scenarios.iter();
                    let skipped =
                        scenarios.map(|scenario| (scenario.name, Outcome::Skipped(why.clone())));
                    self.passed_over.extend(skipped);
                }
            }
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.passed_over.is_empty()
    }
}

impl Group {
    pub(crate) fn variant(&self) -> Variant {
        self.boot.variant
    }

    /// Runs them, each outcome a line that begins with the label; the guest's logs go below `logs`.
    pub(crate) fn run(
        &self,
        bench: &Bench,
        label: &str,
        logs: &Path,
    ) -> Vec<(&'static str, Outcome)> {
        let mut running: Option<Vm> = None;
        let mut outcomes = Vec::new();
        for scenario in &self.scenarios {
            let name = scenario.name;
            say(format_args!("{label}{name}: running"));
            let result = match running.take() {
                Some(vm) => Ok(vm),
                None => Vm::boot(bench, &self.boot),
            };
            let logs = logs.join(name);
            let outcome = match result {
                Err(error) => Outcome::Failed(format!("{error:#}")),
                Ok(mut vm) => {
                    let result = (scenario.run)(&mut vm);
                    let saved = vm.save_logs(&logs);
                    match (result, saved) {
                        (Ok(()), Ok(())) => {
                            running = Some(vm);
                            Outcome::Passed
                        }
                        (Err(error), Ok(())) | (Ok(()), Err(error)) => {
                            Outcome::Failed(format!("{error:#} (logs: {})", logs.display()))
                        }
                        (Err(error), Err(more)) => Outcome::Failed(format!("{error:#}; {more:#}")),
                    }
                }
            };
            print(label, name, &outcome);
            outcomes.push((name, outcome));
        }
        outcomes
    }
}

/// What became of a scenario.
#[derive(Debug)]
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

fn print(label: &str, name: &str, outcome: &Outcome) {
    match outcome {
        Outcome::Passed => println!("{label}{name}: ok"),
        Outcome::Failed(why) => println!("{label}{name}: FAILED: {why}"),
        Outcome::Skipped(why) => println!("{label}{name}: skipped: {why}"),
    }
}

fn summarise(outcomes: &[(&str, Outcome)]) -> bool {
    let count = |of: fn(&Outcome) -> bool| outcomes.iter().filter(|(_, is)| of(is)).count();
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    println!(
        "{} passed, {failed} failed, {} skipped",
        count(|outcome| matches!(outcome, Outcome::Passed)),
        count(|outcome| matches!(outcome, Outcome::Skipped(_)))
    );
    // Once more: of a long log, often the end alone is read.
    for (name, outcome) in outcomes {
        if let Outcome::Failed(why) = outcome {
            println!("{name}: FAILED: {why}");
        }
    }
    failed == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct() {
        for (i, scenario) in ALL.iter().enumerate() {
            assert!(ALL[..i].iter().all(|other| other.name != scenario.name));
        }
    }

    #[test]
    fn a_filter_is_a_part_of_the_name() {
        let names = |filters: &[&str]| {
            let filters: Vec<String> = filters.iter().map(|f| (*f).to_owned()).collect();
            ALL.iter().filter(|s| s.wanted(false, &filters)).count()
        };
        assert_eq!(names(&[]), ALL.iter().filter(|s| !s.long).count());
        assert_eq!(names(&["tampered"]), 2);
        assert_eq!(names(&["missing", "mtype"]), 3);
        assert_eq!(names(&["nothing"]), 0);
        assert_eq!(names(&["rebind"]), 1, "a long one takes its beginning");
        assert_eq!(names(&["long-rebind"]), 1);
    }

    #[test]
    fn what_needs_a_guarded_gpu_is_not_run_on_others() {
        let any = ALL.iter().find(|s| matches!(s.on, On::Any)).unwrap();
        assert_eq!(any.cannot_be_on("navi22"), None);
        for chip in ["renoir", "cyan_skillfish"] {
            assert!(any.cannot_be_on(chip).is_some(), "{chip}");
        }
        let sleeps = ALL.iter().find(|s| s.runtime_pm).unwrap();
        assert_eq!(sleeps.cannot_be_on("navi22"), None);
        assert!(sleeps.cannot_be_on("vangogh").is_some());
        let control = ALL.iter().find(|s| s.name == "control-renoir").unwrap();
        assert_eq!(control.cannot_be_on("renoir"), None);
        assert!(control.cannot_be_on("navi22").is_some());
    }

    #[test]
    fn every_gpu_that_a_scenario_names_can_be_emulated() {
        for scenario in ALL {
            for chip in scenario.boot(None).chips {
                assert!(rmcp_vgpu::chip(chip).is_some(), "{chip}");
            }
        }
    }

    #[test]
    fn one_failure_is_a_failure() {
        let passed = || ("one", Outcome::Passed);
        assert!(summarise(&[
            passed(),
            ("two", Outcome::Skipped(String::new()))
        ]));
        assert!(!summarise(&[
            passed(),
            ("two", Outcome::Failed(String::new()))
        ]));
    }
}
