#include "daemon/fleet/fleet_self.h"

#include "daemon/fleet/instance.h"
#include "daemon/host_name.h"

int fleet_self_load(struct fleet_self *self, const struct config *config,
                    const struct gather *gather, const char *name,
                    struct reason *why)
{
    int error = host_name(name, self->name, why->text, sizeof why->text);
    if (error == 0) {
        error = instance_load(config->state_dir, self->instance, why);
    }
    self->host = (struct inbox_fleet_host){
        .name = self->name,
        .instance = self->instance,
        .version = haplo_version(),
        .digest = gather->digest,
        .weight = config_fleet_weight(&config->fleet, self->name),
    };
    return error;
}
