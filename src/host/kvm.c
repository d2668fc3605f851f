/* KVM of this host (Documentation/virt/kvm/api.rst). */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "host.h"

#define GET_API_VERSION                                                                            \
    _IO(0xAE, 0x00) /* KVM_GET_API_VERSION; linux/kvm.h is not on every machine */
#define API_VERSION 12

gboolean
kvm_answers(void)
{
    fd_auto kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    return kvm >= 0 && ioctl(kvm, GET_API_VERSION, 0L) == API_VERSION;
}
