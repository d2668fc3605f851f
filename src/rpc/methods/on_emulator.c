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
    guint vcpus;

    if (in->type && g_ascii_strcasecmp(in->type, "qemu") != 0 &&
        g_ascii_strcasecmp(in->type, "kvm") != 0) {
        fail(&err, ERR_INVALID_ARG, "unknown type '%s'", in->type);
        call_fail(c, err);
        return;
    }
    if (!qemu_max_vcpus(&vcpus, &err)) {
        call_fail(c, err);
        return;
    }
    out.max_vcpus = (gint32)vcpus;
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

    qemu_cpu_compare(&about, in->xml, in->flags, on_compared, c);
}

static void
compare_hypervisor_cpu(Call *c)
{
    const ConnectCompareHypervisorCpuArgs *in = call_in(c);
    CpuQuestion about = { in->emulator, in->arch, in->machine, in->virttype, TRUE };

    qemu_cpu_compare(&about, in->xml_cpu, in->flags, on_compared, c);
}

static void
baseline_cpu(Call *c)
{
    const ConnectBaselineCpuArgs *in = call_in(c);
    CpuQuestion about = { .hypervisor = FALSE };

    qemu_cpu_baseline(&about, in->xml_cpus.v, in->xml_cpus.n, in->flags, on_text, c);
}

static void
baseline_hypervisor_cpu(Call *c)
{
    const ConnectBaselineHypervisorCpuArgs *in = call_in(c);
    CpuQuestion about = { in->emulator, in->arch, in->machine, in->virttype, TRUE };

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

    qemu_cpu_models(in->arch, on_model_names, c);
}

/* ---- command lines, the monitor */

static void
xml_to_native(Call *c)
{
    const ConnectDomainXmlToNativeArgs *in = call_in(c);
    GError *err = NULL;

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
monitor_command(Call *c, Vm *vm)
{
    const QemuDomainMonitorCommandArgs *in = call_in(c);

    vm_monitor_command(vm, in->cmd, in->flags, call_asker(c), on_text, c);
}

enum { COMPARE_FLAGS = CPU_COMPARE_FAIL | CPU_COMPARE_VALIDATE };
enum { BASELINE_FLAGS = CPU_BASELINE_EXPAND | CPU_BASELINE_MIGRATABLE };
enum { MONITOR_HUMAN = 1 };

const Method emulator_methods[] = {
    { ON_NONE(CONNECT_GET_CAPABILITIES, get_capabilities), MAY(CONNECT_READ), KEPT },
    { ON_NONE(CONNECT_GET_DOMAIN_CAPABILITIES, get_domain_capabilities), MAY(CONNECT_WRITE), KEPT },
    { ON_NONE(CONNECT_GET_VERSION, get_version), MAY(CONNECT_GETATTR) },
    { ON_NONE(CONNECT_GET_MAX_VCPUS, get_max_vcpus), MAY(CONNECT_READ) },
    { ON_NONE(CONNECT_COMPARE_CPU, compare_cpu), FLAGS(COMPARE_FLAGS), MAY(CONNECT_READ), KEPT },
    { ON_NONE(CONNECT_COMPARE_HYPERVISOR_CPU, compare_hypervisor_cpu), FLAGS(COMPARE_FLAGS),
      MAY(CONNECT_WRITE), KEPT },
    { ON_NONE(CONNECT_BASELINE_CPU, baseline_cpu), FLAGS(BASELINE_FLAGS), MAY(CONNECT_READ), KEPT },
    { ON_NONE(CONNECT_BASELINE_HYPERVISOR_CPU, baseline_hypervisor_cpu), FLAGS(BASELINE_FLAGS),
      MAY(CONNECT_WRITE), KEPT },
    { ON_NONE(CONNECT_GET_CPU_MODEL_NAMES, get_cpu_model_names), MAY(CONNECT_READ), KEPT },
    { ON_NONE(CONNECT_DOMAIN_XML_TO_NATIVE, xml_to_native), MAY(CONNECT_WRITE) },
    { 0 },
};

const Method qemu_methods[] = {
    { ON_DOMAIN(QEMU_DOMAIN_MONITOR_COMMAND, monitor_command), FLAGS(MONITOR_HUMAN),
      MAY(DOMAIN_WRITE) },
    { 0 },
};
