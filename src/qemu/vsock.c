/* The number by which the host's processes reach a guest. An automatic one is the least that nobody
 * has: the kernel knows, whoever runs the guests. */
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "qemu_priv.h"

#define CID_FIRST 3 /* below: the hypervisor, this host */
#define CID_LAST  0xffff

/* The claim ends with the descriptor; QEMU makes it anew with its own, moments later. */
gboolean
vsock_choose(VsockDef *vsock, GError **err)
{
    fd_auto fd = -1;

    if (vsock == NULL || vsock->auto_cid != YES)
        return TRUE;
    fd = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, errno, "vsock device: cannot open '/dev/vhost-vsock'");
    for (guint64 cid = CID_FIRST; cid <= CID_LAST; cid++) {
        if (ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, &cid) == 0) {
            vsock->cid = (guint32)cid;
            return TRUE;
        }
        if (errno != EADDRINUSE)
            return fail_errno(err, errno, "vsock device: cannot choose a CID");
    }
    return fail(err, ERR_OPERATION_FAILED, "vsock device: no CID is free");
}
