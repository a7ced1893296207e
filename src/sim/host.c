#include "sim/host.h"

#include <string.h>
#include <strings.h>

static bool list_has(const char *list, const char *name, size_t size)
{
    while (*list != '\0') {
        size_t item = strcspn(list, ",");
        if (item == size && strncasecmp(list, name, size) == 0) {
            return true;
        }
        list += item + (list[item] == ',');
    }
    return false;
}

/* Length of the host name, without the port. */
static size_t host_size(const struct sim_buffer *host)
{
    size_t size = host->size;
    while (size > 0 && host->bytes[size - 1] >= '0' &&
           host->bytes[size - 1] <= '9') {
        size--;
    }
    return size > 0 && host->bytes[size - 1] == ':' ? size - 1 : host->size;
}

bool sim_host_fits(const char *list, const struct sim_buffer *header)
{
    return list_has(list, header->bytes, host_size(header));
}
