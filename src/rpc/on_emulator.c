/* The emulators behind the connection: versions, capabilities, command lines, the monitor. */
#include <string.h>

#include "on_domain.h"

/* Both replies are one string. */
static void
on_text(const char *text, const GError *err, gpointer user)
{
    if (err)
        call_fail(user, g_error_copy(err));
    else
        call_reply((Call *)user, &text);
}

static void
get_capabilities(Call *c)
{
    qemu_capabilities(on_text, c);
}

static void
get_domain_capabilities(Call *c)
{
    const ConnectGetDomainCapabilitiesArgs *in = call_in(c);

    if (call_flags_ok(c, in->flags, 3))
        qemu_domain_capabilities(in->emulatorbin, in->arch, in->machine, in->virttype, on_text, c);
}

static void
on_version(guint64 version, const GError *err, gpointer user)
{
    ConnectGetVersionRet out = { .hv_ver = version };

    if (err)
        call_fail(user, g_error_copy(err));
    else
        call_reply((Call *)user, &out);
}

static void
get_version(Call *c)
{
    qemu_version(on_version, c);
}

static void
get_max_vcpus(Call *c)
{
    const ConnectGetMaxVcpusArgs *in = call_in(c);
    ConnectGetMaxVcpusRet out = { 0 };
    GError *err = NULL;

    if (in->type && g_ascii_strcasecmp(in->type, "qemu") != 0 &&
        g_ascii_strcasecmp(in->type, "kvm") != 0) {
        fail(&err, ERR_INVALID_ARG, "unknown type '%s'", in->type);
        call_fail(c, err);
        return;
    }
    out.max_vcpus = (gint32)qemu_max_vcpus(in->type);
    call_reply(c, &out);
}

/* ---- CPUs */

static void
on_compared(int result, const GError *err, gpointer user)
{
    ConnectCompareCpuRet out = { .result = result };

    if (err)
        call_fail(user, g_error_copy(err));
    else
        call_reply((Call *)user, &out);
}

static void
compare_cpu(Call *c)
{
    const ConnectCompareCpuArgs *in = call_in(c);
    CpuQuestion about = { .hypervisor = FALSE };

    if (call_flags_ok(c, in->flags, CPU_COMPARE_FAIL | CPU_COMPARE_VALIDATE))
        qemu_cpu_compare(&about, in->xml, in->flags, on_compared, c);
}

static void
compare_hypervisor_cpu(Call *c)
{
    const ConnectCompareHypervisorCpuArgs *in = call_in(c);
    CpuQuestion about = { in->emulator, in->arch, in->machine, in->virttype, TRUE };

    if (call_flags_ok(c, in->flags, CPU_COMPARE_FAIL | CPU_COMPARE_VALIDATE))
        qemu_cpu_compare(&about, in->xml_cpu, in->flags, on_compared, c);
}

static void
baseline_cpu(Call *c)
{
    const ConnectBaselineCpuArgs *in = call_in(c);
    CpuQuestion about = { .hypervisor = FALSE };

    if (call_flags_ok(c, in->flags, CPU_BASELINE_EXPAND | CPU_BASELINE_MIGRATABLE))
        qemu_cpu_baseline(&about, in->xml_cpus.v, in->xml_cpus.n, in->flags, on_text, c);
}

static void
baseline_hypervisor_cpu(Call *c)
{
    const ConnectBaselineHypervisorCpuArgs *in = call_in(c);
    CpuQuestion about = { in->emulator, in->arch, in->machine, in->virttype, TRUE };

    if (call_flags_ok(c, in->flags, CPU_BASELINE_EXPAND | CPU_BASELINE_MIGRATABLE))
        qemu_cpu_baseline(&about, in->xml_cpus.v, in->xml_cpus.n, in->flags, on_text, c);
}

static void
on_model_names(const char *const *names, guint n, const GError *err, gpointer user)
{
    const ConnectGetCpuModelNamesArgs *in = call_in(user);
    ConnectGetCpuModelNamesRet out = { .ret = (gint32)n };

    if (err) {
        call_fail(user, g_error_copy(err));
        return;
    }
    if (in->need_results) {
        out.models.v = (const char **)names;
        out.models.n = n;
    }
    call_reply((Call *)user, &out);
}

static void
get_cpu_model_names(Call *c)
{
    const ConnectGetCpuModelNamesArgs *in = call_in(c);

    if (call_flags_ok(c, in->flags, 0))
        qemu_cpu_models(in->arch, on_model_names, c);
}

/* ---- command lines, the monitor */

static void
xml_to_native(Call *c)
{
    const ConnectDomainXmlToNativeArgs *in = call_in(c);
    GError *err = NULL;

    if (!call_flags_ok(c, in->flags, 0))
        return;
    if (strcmp(in->native_format, "qemu-argv") != 0) {
        fail(&err, ERR_INVALID_ARG, "unsupported config type %s, only qemu-argv is known",
             in->native_format);
        call_fail(c, err);
        return;
    }
    g_autofree char *line = qemu_xml_to_native(in->domain_xml, &err);
    ConnectDomainXmlToNativeRet out = { .native_config = line };
    if (line)
        call_reply(c, &out);
    else
        call_fail(c, err);
}

static void
monitor_command(Call *c)
{
    const QemuDomainMonitorCommandArgs *in = call_in(c);
    Vm *vm = call_vm(c);

    if (vm && call_flags_ok(c, in->flags, 1))
        vm_monitor_command(vm, in->cmd, in->flags, call_asker(c), on_text, c);
}

const Method emulator_methods[] = {
    { PROC_CONNECT_GET_CAPABILITIES, get_capabilities },
    { PROC_CONNECT_GET_DOMAIN_CAPABILITIES, get_domain_capabilities },
    { PROC_CONNECT_GET_VERSION, get_version },
    { PROC_CONNECT_GET_MAX_VCPUS, get_max_vcpus },
    { PROC_CONNECT_COMPARE_CPU, compare_cpu },
    { PROC_CONNECT_COMPARE_HYPERVISOR_CPU, compare_hypervisor_cpu },
    { PROC_CONNECT_BASELINE_CPU, baseline_cpu },
    { PROC_CONNECT_BASELINE_HYPERVISOR_CPU, baseline_hypervisor_cpu },
    { PROC_CONNECT_GET_CPU_MODEL_NAMES, get_cpu_model_names },
    { PROC_CONNECT_DOMAIN_XML_TO_NATIVE, xml_to_native },
    { 0 },
};

const Method qemu_methods[] = {
    { PROC_QEMU_DOMAIN_MONITOR_COMMAND, monitor_command },
    { 0 },
};
