// SPDX-License-Identifier: MIT

//! `status --prometheus`: metrics in Prometheus' text format, for node_exporter's textfile collector.

use super::found::{Gpu, Status, Verdict};
use crate::dkms;
use crate::sysfs::rmcp::Guard;
use std::fmt::{Display, Write};

/// What fragment size 0 stands for: each step doubles it.
const PAGE: u64 = 4096;

/// A value of what rmcp says of a GPU; `None` where there is none to tell.
type Value = fn(&Guard) -> Option<i128>;

/// What of it is a metric: of which kind, its name, its line of help and its value.
const OF_A_GUARD: [(&str, &str, &str, Value); 5] = [
    (
        "gauge",
        "noretry",
        "The driver's live gmc.noretry: 1 reports a faulting access, 0 retries it.",
        |guard| Some(guard.noretry.into()),
    ),
    (
        "gauge",
        "fragment_size_bytes",
        "The fragment size that the driver tells user space.",
        // The driver's own limit is far below what would overflow.
        |guard| {
            let bytes = PAGE.checked_shl(guard.fragment_size);
            bytes.filter(|bytes| *bytes != 0).map(i128::from)
        },
    ),
    (
        "counter",
        "mtype_cc_requests_total",
        "Requests to map memory as MTYPE_CC.",
        |guard| Some(guard.mtype_cc_requests.into()),
    ),
    (
        "counter",
        "mtype_cc_rewritten_total",
        "Requests to map memory as MTYPE_CC that rmcp replaced.",
        |guard| Some(guard.mtype_cc_rewritten.into()),
    ),
    (
        "counter",
        "hw_inits_total",
        "Initialisations of the memory controller that rmcp saw.",
        |guard| Some(guard.hw_inits.into()),
    ),
];

impl Status {
    /// The metrics.
    pub fn metrics(&self) -> String {
        all(self)
    }
}

fn all(status: &Status) -> String {
    let mut text = Text::default();
    text.gauge("read_success", "Whether the status could be read.")
        .sample(&[], 1);
    text.gauge(
        "enforced",
        "Whether the policy is in force on every RDNA1/RDNA2 GPU there is.",
    )
    .sample(&[], u8::from(status.verdict == Verdict::Enforced));
    text.gauge("module_loaded", "Whether the kernel module is loaded.")
        .sample(&[], u8::from(status.module.is_some()));
    if let Some(module) = &status.module {
        text.gauge("module_info", "The loaded kernel module.")
            .sample(
                &[
                    ("version", module.version.as_deref().unwrap_or_default()),
                    ("state", module.state.as_deref().unwrap_or_default()),
                ],
                1,
            );
    }
    text.gauge(
        "boot_ordered",
        "Whether modprobe loads the kernel module before amdgpu.",
    )
    .sample(&[], u8::from(status.boot.softdep.is_some()));

    let mut installed = text.gauge(
        "kernel_module_installed",
        "Whether the kernel module is installed for a kernel.",
    );
    for kernel in &status.kernels {
        let running = kernel.running.to_string();
        installed.sample(
            &[("release", &kernel.release), ("running", &running)],
            u8::from(kernel.module == dkms::State::Installed),
        );
    }

    // GPUs that are not rmcp's have no policy that could be watched.
    let gpus: Vec<&Gpu> = status
        .gpus
        .iter()
        .filter(|gpu| gpu.covered != Some(false))
        .collect();
    text.gauge("gpus", "RDNA1/RDNA2 GPUs found.")
        .sample(&[], gpus.len());
    text.per_gpu(&gpus);
    text.0
}

/// The metrics when there is nothing to tell but that.
pub(super) fn unread() -> String {
    let mut text = Text::default();
    text.gauge("read_success", "Whether the status could be read.")
        .sample(&[], 0);
    text.0
}

/// Metrics as text. A metric that has no sample leaves nothing.
#[derive(Default)]
struct Text(String);

/// One metric, to which samples are added.
struct Metric<'a> {
    text: &'a mut String,
    name: String,
    header: Option<String>,
}

impl Text {
    fn gauge(&mut self, name: &str, help: &str) -> Metric<'_> {
        self.metric(name, help, "gauge")
    }

    fn metric(&mut self, name: &str, help: &str, kind: &str) -> Metric<'_> {
        let name = format!("rmcp_{name}");
        Metric {
            header: Some(format!("# HELP {name} {help}\n# TYPE {name} {kind}\n")),
            text: &mut self.0,
            name,
        }
    }

    fn per_gpu(&mut self, gpus: &[&Gpu]) {
        let mut info = self.gauge(
            "gpu_info",
            "A GPU, what drives it and what rmcp says of it.",
        );
        for gpu in gpus {
            let gc_version = gpu.gc_version.map(|v| v.to_string()).unwrap_or_default();
            let mut labels = gpu.labels().to_vec();
            labels.extend([
                ("pci_id", gpu.pci_id.as_str()),
                ("gc_version", &gc_version),
                ("gfx_target", gpu.gfx_target.unwrap_or_default()),
                ("driver", gpu.driver.as_deref().unwrap_or_default()),
                ("state", gpu.guard.as_ref().map_or("", |guard| &guard.state)),
            ]);
            info.sample(&labels, 1);
        }
        let mut enforced = self.gauge("gpu_enforced", "Whether the policy is in force on a GPU.");
        for gpu in gpus {
            enforced.sample(&gpu.labels(), u8::from(gpu.enforced));
        }
        let mut in_force = self.gauge(
            "policy_in_force",
            "Whether the live value of a policy is the wanted one.",
        );
        for gpu in gpus {
            for policy in &gpu.policies {
                let mut labels = gpu.labels().to_vec();
                labels.push(("policy", policy.name));
                in_force.sample(&labels, u8::from(policy.in_force));
            }
        }

        for (kind, name, help, value) in OF_A_GUARD {
            let mut metric = self.metric(name, help, kind);
            for gpu in gpus {
                if let Some(value) = gpu.guard.as_ref().and_then(value) {
                    metric.sample(&gpu.labels(), value);
                }
            }
        }
    }
}

impl Metric<'_> {
    fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.text.extend(self.header.take());
        self.text.push_str(&self.name);
        if !labels.is_empty() {
            let labels: Vec<String> = labels
                .iter()
                .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
                .collect();
            let _ = write!(self.text, "{{{}}}", labels.join(","));
        }
        let _ = writeln!(self.text, " {value}");
    }
}

impl Gpu {
    /// What every metric of a GPU says of it.
    fn labels(&self) -> [(&'static str, &str); 2] {
        [
            ("gpu", self.bdf.as_str()),
            ("chip", self.chip.unwrap_or("unknown")),
        ]
    }
}

/// A label's value as the format wants it.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
