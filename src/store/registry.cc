#include "store/registry.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace cluster_leader {

void add_to(Listing& listing, std::variant<LeaseView, Failed> looked) {
  if (auto* failed = std::get_if<Failed>(&looked)) {
    ++listing.unread;
    if (!listing.failure) listing.failure = std::move(*failed);
  } else {
    listing.views.push_back(std::get<LeaseView>(std::move(looked)));
  }
}

void drop_free_keys(Listing& listing) {
  std::erase_if(listing.views,
                [](const LeaseView& view) { return view.state == LeaseView::State::kFree; });
}

void drop_free_slots(Listing& listing) {
  std::vector<LeaseView> kept;
  for (auto first = listing.views.begin(); first != listing.views.end();) {
    const auto end = std::find_if(first, listing.views.end(), [&](const LeaseView& view) {
      return view.key.value != first->key.value;
    });
    const auto begin = kept.size();
    std::copy_if(first, end, std::back_inserter(kept),
                 [](const LeaseView& view) { return view.state != LeaseView::State::kFree; });
    if (kept.size() == begin) kept.push_back(*first);
    first = end;
  }
  listing.views = std::move(kept);
}

bool belongs_to(const LeaseView& view, const Eviction& us) {
  if (!us.holder.value.empty() && view.holder == us.holder) return true;
  if (!view.identity.empty()) return view.identity == us.identity;
  // Without a record there is only a name that anybody may have.
  return !view.host.empty() && view.node == us.node && view.host == us.host;
}

std::variant<Evicted::Kind, Failed> judge(const LeaseView& view, const Eviction& us) {
  if (us.what == Eviction::What::kResult && view.state != LeaseView::State::kForeign) {
    return view.done_for ? Evicted::Kind::kForgotten : Evicted::Kind::kNobodys;
  }
  switch (view.state) {
    case LeaseView::State::kFree:
    case LeaseView::State::kDone:
      return Evicted::Kind::kNobodys;
    case LeaseView::State::kForeign:
      return Failed{Trouble::kMisconfigured, view.fault + ", which is not a lease"};
    case LeaseView::State::kHeld:
    case LeaseView::State::kVanished:
      if (us.what != Eviction::What::kAsk) break;
      if (view.token == Token{} && us.holder.value.empty()) {
        return Failed{Trouble::kMisconfigured,
                      "it is held by another program, which cannot be asked; --force releases it"};
      }
      return Evicted::Kind::kAsked;
    case LeaseView::State::kParked:
    case LeaseView::State::kCoolingDown:
      if (us.what == Eviction::What::kAsk) return Evicted::Kind::kReleased;
      break;
  }
  return us.force || belongs_to(view, us) ? Evicted::Kind::kReleased : Evicted::Kind::kOthers;
}

}  // namespace cluster_leader
