/* Who may do what. Today the socket decides; the creds are here for those who come later. */
#include "core.h"

gboolean
access_check(const Creds *creds, Access wanted, const char *what, GError **err)
{
    if (wanted == ACCESS_WRITE && creds->readonly)
        return fail(err, ERR_DENIED, "read only access prevents %s", what);
    return TRUE;
}
