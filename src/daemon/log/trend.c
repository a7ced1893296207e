#include "daemon/log/trend.h"

bool trend_add(struct trend *trend, uint64_t count)
{
    bool has_grown = count > trend->newest;
    trend->newest = count;
    if (!has_grown) {
        *trend = (struct trend){.lowest = count, .newest = count};
        return false;
    }
    trend->hours++;
    bool is_due = trend->told_hours == 0
                      ? trend->hours >= TREND_HOURS
                      : trend->hours >= trend->told_hours + 24;
    if (!is_due || count < TREND_COUNT_MIN) {
        return false;
    }
    trend->told_hours = trend->hours;
    return true;
}
