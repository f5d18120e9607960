/*
 * conf/cpus.h - how many CPUs this process may use
 */
#ifndef CONF_CPUS_H
#define CONF_CPUS_H

/*
 * By affinity and by the cgroup's quota (v2 cpu.max, v1 cpu.cfs_quota_us, here
 * and above), rounded up; at least 1.  `root` stands in front of /proc and
 * /sys: "" outside a test.
 */
unsigned cpus_count(const char *root);

#endif
