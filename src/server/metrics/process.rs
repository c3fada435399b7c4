//! The process itself, under the names that Prometheus' own clients use. On Linux; elsewhere they are left out.

use std::fmt;

use procfs::process::Process as Proc;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::page::Page;

/// Reads `/proc/self`.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        let Ok(process) = Proc::myself() else { return Ok(()) };
        if let Ok(stat) = process.stat() {
            let seconds = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
            page.counter("process_cpu_seconds", "Processor time used, in whole seconds", seconds as u64)?;
            page.gauge("process_threads", "Threads", stat.num_threads as f64)?;
            let resident = stat.rss.saturating_mul(procfs::page_size());
            page.gauge("process_resident_memory_bytes", "Memory in use", resident as f64)?;
            if let Ok(boot) = procfs::boot_time_secs() {
                let started = boot as f64 + stat.starttime as f64 / procfs::ticks_per_second() as f64;
                page.gauge("process_start_time_seconds", "When the process started", started)?;
            }
        }
        if let Ok(open) = process.fd_count() {
            page.gauge("process_open_fds", "Open file descriptors", open as f64)?;
        }
        if let Ok(limits) = process.limits()
            && let procfs::process::LimitValue::Value(most) = limits.max_open_files.soft_limit
        {
            page.gauge("process_max_fds", "How many there may be", most as f64)?;
        }
        Ok(())
    }
}
