/* The time stamp counter of this machine's processors, as KVM has it for guests. */
#include "host.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#if defined __x86_64__ || defined __i386__
#include <linux/kvm.h>

/* Only a vcpu has the number. */
static guint64
vcpu_khz(int kvm)
{
    fd_auto vm = ioctl(kvm, KVM_CREATE_VM, 0L);
    fd_auto vcpu = vm >= 0 ? ioctl(vm, KVM_CREATE_VCPU, 0L) : -1;
    int khz = vcpu >= 0 ? ioctl(vcpu, KVM_GET_TSC_KHZ, 0L) : 0;

    return khz > 0 ? (guint64)khz : 0;
}

gboolean
tsc_read(Tsc *ret_tsc)
{
    static Tsc known; /* it does not change, and asking makes a VM */
    fd_auto kvm = known.frequency == 0 ? open("/dev/kvm", O_RDWR | O_CLOEXEC) : -1;

    if (kvm >= 0)
        known = (Tsc){ vcpu_khz(kvm) * 1000,
                       ioctl(kvm, KVM_CHECK_EXTENSION, (long)KVM_CAP_TSC_CONTROL) > 0 };
    *ret_tsc = known;
    return known.frequency != 0;
}
#else
gboolean
tsc_read(Tsc *ret_tsc G_GNUC_UNUSED)
{
    return FALSE;
}
#endif
